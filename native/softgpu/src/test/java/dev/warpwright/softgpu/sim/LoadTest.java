package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** How much a test can launch: 300 times 300,000 warp instructions with all checks in a minute. */
class LoadTest {
  private static final int ALL = 300;
  private static final Duration MOST = Duration.ofSeconds(60);
  private static final int WARP_INSTRUCTIONS = 300_000;
  private static final int BLOCKS = 32;
  private static final int THREADS = 256;

  /** A build runs some of them; the profile "thorough" runs them all, and looks at the clock. */
  private static final int LAUNCHES = Integer.getInteger("warpwright.launches", 30);

  @Test
  void manyLaunchesOfAMixedKernel() {
    TestGpu gpu = new TestGpu(TestGpu.kernels("device_code", 90));
    float[] x = new float[BLOCKS * THREADS];
    for (int i = 0; i < x.length; i++) {
      x[i] = i % 17 - 8;
    }
    int rounds = 38;
    float[] expected = mixed(x, rounds);
    long in = gpu.upload(x);
    long out = gpu.output(4L * x.length);
    long begin = System.nanoTime();
    for (int launch = 0; launch < LAUNCHES; launch++) {
      LaunchReport report = gpu.launch("mixed", Shape.of(BLOCKS, THREADS), launch, in, out, rounds);
      assertTrue(report.warpInstructions() >= WARP_INSTRUCTIONS, report::toString);
    }
    Duration taken = Duration.ofNanos(System.nanoTime() - begin);
    assertEquals(Arrays.toString(expected), Arrays.toString(gpu.floats(out, x.length)));
    if (LAUNCHES >= ALL) {
      assertTrue(taken.compareTo(MOST) <= 0, LAUNCHES + " launches took " + taken);
    }
  }

  private static float[] mixed(float[] x, int rounds) {
    float[] result = new float[x.length];
    int[] hash = new int[x.length];
    float[] v = x.clone();
    float[] s = new float[x.length];
    Arrays.setAll(hash, i -> i * (int) 2654435761L);
    for (int r = 0; r < rounds; r++) {
      for (int i = 0; i < x.length; i++) {
        hash[i] = (hash[i] ^ hash[i] >>> 13) * 1274126177 + r;
        s[i] = Math.fma(v[i], 0.5f, (hash[i] & 255) * 0.0078125f);
      }
      for (int i = 0; i < x.length; i++) {
        int block = i / THREADS * THREADS;
        float other = s[block + (i + (hash[i] & 63)) % THREADS];
        v[i] = (hash[i] & 64) != 0 ? Math.fma(v[i], 0.75f, other) : Math.fma(other, -0.25f, v[i]);
        result[i] = v[i] + x[(i + r) & 255];
      }
    }
    return result;
  }
}
