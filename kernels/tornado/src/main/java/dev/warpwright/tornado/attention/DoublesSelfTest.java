package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Whether a device computes in double, rounding each operation: TornadoVM does not say whether a
 * device has double precision, so a few moments are compared with those of plain Java. A device is
 * asked once.
 */
final class DoublesSelfTest {
  private static final Map<String, Support> ANSWERS = new ConcurrentHashMap<>();

  private static final int SLOTS = 64;

  private DoublesSelfTest() {}

  /** Yes, or what is wrong. */
  static Support support(TornadoKernelDevice device) {
    return ANSWERS.computeIfAbsent(device.name(), name -> ask(device));
  }

  private static Support ask(TornadoKernelDevice device) {
    try (ScoreAccumulateTornado.Slots slots =
        new ScoreAccumulateTornado.Slots(device, Statistic.MOMENTS, SLOTS)) {
      float[] expected = new float[3 * SLOTS];
      slots.observations.set(0, SLOTS);
      for (int slot = 0; slot < SLOTS; slot++) {
        int n = 1 + slot % 7;
        float count = 1 + slot;
        float mean = slot / 3f;
        float squares = slot / 7f;
        float score = 10 / (3f + slot);
        float variance = 1 / (1f + slot);
        slots.observations.set(2 + slot, n);
        slots.scores.set(slot, score);
        slots.variances.set(slot, variance);
        slots.numbers.set(3 * slot, count);
        slots.numbers.set(3 * slot + 1, mean);
        slots.numbers.set(3 * slot + 2, squares);
        double delta = (double) score - mean;
        double total = (double) count + n;
        double spread = (double) variance * (n - 1);
        expected[3 * slot] = (float) total;
        expected[3 * slot + 1] = (float) (mean + delta * n / total);
        expected[3 * slot + 2] = (float) (squares + spread + delta * delta * count * n / total);
      }
      slots.run(SLOTS);
      return judge(expected, slots.numbers);
    } catch (DeviceException e) {
      return Support.no("no double precision, its self-test failed: " + e.getMessage());
    }
  }

  /** Compares a device's result with that of plain Java. */
  static Support judge(float[] expected, FloatArray actual) {
    for (int i = 0; i < expected.length; i++) {
      if (expected[i] != actual.get(i)) {
        return Support.no(
            "the device does not round as double precision does ("
                + actual.get(i)
                + " in place of "
                + expected[i]
                + ")");
      }
    }
    return Support.yes();
  }
}
