package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.sparse.FloatRows;
import dev.warpwright.kernels.cpu.sparse.InputRows;
import dev.warpwright.kernels.cpu.sparse.VectorMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The gate of one expert, and its up matrix if there is one, cut into parts that begin at the same
 * output row in both: units of sparse matrices depend on what was left out and need not agree.
 */
final class ExpertMatrices implements AutoCloseable {
  private final VectorMatrix gate;
  private final @Nullable VectorMatrix up;

  /** The units of gate and up that begin each part; one more for the end. */
  private final int[] gateUnits;

  private final int[] upUnits;

  private ExpertMatrices(
      VectorMatrix gate, @Nullable VectorMatrix up, int[] gateUnits, int[] upUnits) {
    this.gate = gate;
    this.up = up;
    this.gateUnits = gateUnits;
    this.upUnits = upUnits;
  }

  static ExpertMatrices of(HostDevice device, WeightMatrix gate, @Nullable WeightMatrix up) {
    VectorMatrix first = VectorMatrix.of(device, gate);
    if (up == null) {
      int[] units = new int[first.units() + 1];
      Arrays.setAll(units, unit -> unit);
      return new ExpertMatrices(first, null, units, new int[0]);
    }
    VectorMatrix second;
    try {
      second = VectorMatrix.of(device, up);
    } catch (RuntimeException | Error e) {
      first.close();
      throw e;
    }
    int[] gateUnits = new int[first.units() + 1];
    int[] upUnits = new int[first.units() + 1];
    int parts = -1;
    int other = 0;
    for (int unit = 0; unit <= first.units(); unit++) {
      while (other < second.units() && second.firstRow(other) < first.firstRow(unit)) {
        other++;
      }
      if (second.firstRow(other) == first.firstRow(unit)) {
        parts++;
        gateUnits[parts] = unit;
        upUnits[parts] = other;
      }
    }
    // Units without rows may stand at the end: the last part takes them all.
    gateUnits[parts] = first.units();
    upUnits[parts] = second.units();
    return new ExpertMatrices(
        first, second, Arrays.copyOf(gateUnits, parts + 1), Arrays.copyOf(upUnits, parts + 1));
  }

  /** Memory that the matrices hold. */
  long bytes() {
    return gate.bytes() + (up == null ? 0 : up.bytes());
  }

  int parts() {
    return gateUnits.length - 1;
  }

  /** The first output row of a part; that of part {@link #parts} is the number of rows. */
  int firstRow(int part) {
    return gate.firstRow(gateUnits[part]);
  }

  /** Products of m rows of x with the gate's rows of parts {@code from … to − 1}. */
  void multiplyGate(int from, int to, int m, InputRows x, FloatRows y, float[] scratch) {
    gate.multiply(gateUnits[from], gateUnits[to], m, x, y, scratch);
  }

  /** The same with the up matrix, which there must be. */
  void multiplyUp(int from, int to, int m, InputRows x, FloatRows y, float[] scratch) {
    if (up == null) {
      throw new IllegalStateException("no up matrix");
    }
    up.multiply(upUnits[from], upUnits[to], m, x, y, scratch);
  }

  @Override
  public void close() {
    gate.close();
    if (up != null) {
      up.close();
    }
  }
}
