package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A matrix that stays on the device, in a program with the products that were asked for: one for
 * each power of two of rows.
 */
final class MatrixTornado extends PreparedMatrix {
  private final StoredWeights weights;
  private final Program program;
  private final Map<Object, ProductRows> products = new HashMap<>();

  MatrixTornado(TornadoKernelDevice device, WeightMatrix matrix) {
    StoredWeights stored = StoredWeights.of(List.of(matrix));
    super(device, matrix, stored.bytes());
    weights = stored;
    program = new Program(device, stored.arrays());
  }

  /** The product with {@code rows} rows of inputs. */
  synchronized ProductRows product(int rows, boolean rounded) {
    return products.computeIfAbsent(
        List.of(rows, rounded), key -> new ProductRows(program, weights, this, rows, rounded));
  }

  @Override
  protected void release() {
    program.close();
  }
}
