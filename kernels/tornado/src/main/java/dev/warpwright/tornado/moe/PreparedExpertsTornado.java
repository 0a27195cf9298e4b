package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoKernelDevice;
import dev.warpwright.tornado.sparse.StoredWeights;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The matrices of all experts, first the gates and then the ups, which stay on the device with each
 * product that was asked for.
 */
final class PreparedExpertsTornado extends PreparedExperts {
  private final StoredWeights weights;
  private final TornadoKernelDevice device;
  private final Map<Object, ExpertRows> products = new HashMap<>();

  PreparedExpertsTornado(TornadoKernelDevice device, ExpertWeights experts) {
    List<WeightMatrix> all = new ArrayList<>(experts.gate());
    all.addAll(experts.up());
    StoredWeights stored = StoredWeights.of(all);
    super(device, experts, stored.bytes());
    weights = stored;
    this.device = device;
  }

  /** The product with up to {@code slots} slots and {@code rows} rows of inputs. */
  synchronized ExpertRows product(int slots, int rows) {
    return products.computeIfAbsent(
        List.of(slots, rows), key -> new ExpertRows(device, weights, this, slots, rows));
  }

  @Override
  protected synchronized void release() {
    products.values().forEach(ExpertRows::close);
    products.clear();
  }
}
