package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.moe.Routing;
import dev.warpwright.sparse.Linear;
import java.util.Arrays;

/** Adds what a decoder's matrices are multiplied with to the moments of a {@link Calibration}. */
final class CalibrationListener implements LayerListener, AutoCloseable {
  private final Resources owned = new Resources();
  private final Calibration sums;
  private final Linear[][] gate;
  private final Linear[][] up;

  /**
   * A listener of a decoder with all its weights.
   *
   * @param tokens most tokens of a step
   */
  CalibrationListener(Warpwright ww, Model model, Calibration sums, int tokens)
      throws ModelFormatException {
    this.sums = sums;
    int layers = model.config().heads().layers();
    int experts = Math.max(model.config().experts(), 1);
    gate = new Linear[layers][experts];
    up = new Linear[layers][experts];
    WeightLoader load = new WeightLoader(model, WeightKind.F32, null);
    try {
      for (int layer = 0; layer < layers; layer++) {
        for (int e = 0; e < experts; e++) {
          gate[layer][e] = owned.own(ww.linear(load.gate(layer, e), tokens));
          up[layer][e] = owned.own(ww.linear(load.up(layer, e), tokens));
        }
      }
    } catch (ModelFormatException | RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  public void projecting(int layer, Tensor x) {
    sums.projections(layer).add(x);
  }

  @Override
  public void attended(int layer, Tensor x) {
    sums.outputs(layer).add(x);
  }

  @Override
  public void routed(int layer, Tensor x, Routing routing) {
    for (int e = 0; e < gate[layer].length; e++) {
      Tensor rows = rowsOf(e, x, routing);
      sums.expert(layer, e).add(rows);
      sums.down(layer, e).add(inner(gate[layer][e], up[layer][e], rows));
    }
  }

  private static Tensor rowsOf(int expert, Tensor x, Routing routing) {
    int[] ids = routing.ids().toInts();
    int perToken = (int) routing.ids().size(1);
    int columns = (int) x.size(1);
    float[] rows = new float[Math.toIntExact(x.elements())];
    int count = 0;
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] == expert) {
        System.arraycopy(x.row(i / perToken).toFloats(), 0, rows, count * columns, columns);
        count++;
      }
    }
    return Tensor.wrap(Arrays.copyOf(rows, count * columns), count, columns);
  }

  /** What the down matrix is multiplied with: silu(x · gateᵀ) ⊙ (x · upᵀ). */
  private static Tensor inner(Linear gate, Linear up, Tensor x) {
    int rows = (int) x.size(0);
    float[] g = new float[rows * gate.outputs()];
    float[] u = new float[rows * up.outputs()];
    gate.apply(x, Tensor.wrap(g, rows, gate.outputs()));
    up.apply(x, Tensor.wrap(u, rows, up.outputs()));
    for (int i = 0; i < g.length; i++) {
      g[i] = (float) (g[i] / (1 + Math.exp(-g[i])) * u[i]);
    }
    return Tensor.wrap(g, rows, gate.outputs());
  }

  @Override
  public void close() {
    owned.close();
  }
}
