package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A matrix that stays on the device with each product that was asked for: one for each power of two
 * of rows. A product has a program and a copy of the matrix of its own, because TornadoVM compiles
 * a whole program anew for a kernel that is added.
 */
final class MatrixTornado extends PreparedMatrix {
  private final StoredWeights weights;
  private final TornadoKernelDevice device;
  private final Map<Object, ProductRows> products = new HashMap<>();

  MatrixTornado(TornadoKernelDevice device, WeightMatrix matrix) {
    StoredWeights stored = StoredWeights.of(List.of(matrix));
    super(device, matrix, stored.bytes());
    weights = stored;
    this.device = device;
  }

  /** The product with {@code rows} rows of inputs. */
  synchronized ProductRows product(int rows, boolean rounded) {
    return products.computeIfAbsent(
        List.of(rows, rounded), key -> new ProductRows(device, weights, this, rows, rounded));
  }

  @Override
  protected synchronized void release() {
    products.values().forEach(ProductRows::close);
    products.clear();
  }
}
