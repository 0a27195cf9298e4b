package dev.warpwright.tornado;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.tornado.reduce.TreeReduceTornado;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Whether a device rounds as CANONICAL promises, found out by comparing a small reduction with
 * plain Java: products and sums that a fused multiply-add would round otherwise, subnormal numbers,
 * signed zeros, infinities. The flags of a JVM do not change, so each device is asked once.
 */
public final class SelfTest {
  private static final Map<String, Support> ANSWERS = new ConcurrentHashMap<>();

  private static final int SLOTS = 5;
  private static final int COLUMNS = 256;

  private static final float[] SPECIALS = {
    0f, -0f, Float.MIN_VALUE, -0x1.8p-127f, Float.MAX_VALUE, Float.POSITIVE_INFINITY, Float.NaN
  };

  private SelfTest() {}

  /** Yes, or what is wrong. */
  public static Support support(TornadoKernelDevice device) {
    return ANSWERS.computeIfAbsent(device.name(), name -> ask(device));
  }

  private static Support ask(TornadoKernelDevice device) {
    float[] weights = new float[SLOTS];
    float[][] values = new float[SLOTS][COLUMNS];
    List<Tensor> rows = new ArrayList<>();
    // Any numbers with full significands will do.
    int seed = 1;
    for (int slot = 0; slot < SLOTS; slot++) {
      weights[slot] = 1 + slot / 3f;
      for (int column = 0; column < COLUMNS; column++) {
        seed = seed * 1_103_515_245 + 12_345;
        values[slot][column] =
            column % 8 == slot
                ? SPECIALS[column / 8 % SPECIALS.length]
                : seed * 0x1p-31f * (column % 16 == 15 ? 0x1p-120f : 1);
      }
      rows.add(Tensor.wrap(values[slot], COLUMNS));
    }
    Tensor out = Tensor.wrap(new float[COLUMNS], COLUMNS);
    try (TreeReduceTornado.Slab slab = new TreeReduceTornado.Slab(device, SLOTS, COLUMNS)) {
      slab.reduce(rows, weights, 0.7f, 0, COLUMNS, out);
    } catch (DeviceException e) {
      return Support.no("the bit self-test failed: " + e.getMessage());
    }
    return judge(values, weights, out);
  }

  /** Compares a device's result with that of plain Java. */
  static Support judge(float[][] values, float[] weights, Tensor out) {
    for (int column = 0; column < out.elements(); column++) {
      float expected = tree(values, weights, column) * 0.7f;
      float actual = out.getFloat(column);
      if (Float.floatToIntBits(expected) != Float.floatToIntBits(actual)) {
        return Support.no(
            "the device does not round as CANONICAL promises ("
                + actual
                + " in place of "
                + expected
                + "); start the JVM with -Dtornado.opencl.compiler.flags=-w"
                + " -Dtornado.enable.fma=false -Dtornado.enable.mathOptimizations=false");
      }
    }
    return Support.yes();
  }

  private static float tree(float[][] values, float[] weights, int column) {
    float[] leaves = new float[SLOTS];
    for (int slot = 0; slot < SLOTS; slot++) {
      leaves[slot] = weights[slot] * values[slot][column];
    }
    return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) + leaves[4];
  }
}
