package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Arrays;
import java.util.Random;

/** A launch of each kernel of kernels.cu with its expected result. */
enum Scenario {
  TREE_REDUCE {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      float[] x = floats(1000, seed);
      long out = gpu.output(2 * 4);
      LaunchReport report =
          gpu.launch("tree_reduce", Shape.of(2, 256), seed, gpu.upload(x), out, x.length);
      float[] sums = gpu.floats(out, 2);
      assertEquals(sum(x), (double) sums[0] + sums[1], 1e-3);
      return report;
    }
  },
  WARP_REDUCE {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      float[] x = floats(500, seed);
      long out = gpu.output(4 * 4);
      LaunchReport report =
          gpu.launch("warp_reduce", Shape.of(4, 128), seed, gpu.upload(x), out, x.length);
      double total = 0;
      for (float part : gpu.floats(out, 4)) {
        total += part;
      }
      assertEquals(sum(x), total, 1e-3);
      return report;
    }
  },
  TILED_MATMUL {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int m = 20;
      int n = 25;
      int k = 50;
      float[] a = floats(m * k, seed);
      float[] b = floats(k * n, seed + 1);
      long c = gpu.output(4L * m * n);
      LaunchReport report =
          gpu.launch(
              "tiled_matmul",
              new Shape(2, 2, 16, 16, 0),
              seed,
              gpu.upload(a),
              gpu.upload(b),
              c,
              m,
              n,
              k);
      float[] got = gpu.floats(c, m * n);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double expected = 0;
          for (int x = 0; x < k; x++) {
            expected += (double) a[i * k + x] * b[x * n + j];
          }
          assertEquals(expected, got[i * n + j], 1e-4);
        }
      }
      return report;
    }
  },
  MMA_GEMM {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int k = 48;
      short[] a = halves(16 * k, seed);
      short[] b = halves(8 * k, seed + 1);
      long c = gpu.output(4 * 16 * 8);
      LaunchReport report =
          gpu.launch("mma_gemm", Shape.of(1, 32), seed, gpu.upload(a), gpu.upload(b), c, k);
      float[] got = gpu.floats(c, 16 * 8);
      for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 8; j++) {
          double expected = 0;
          for (int x = 0; x < k; x++) {
            expected +=
                (double) Float.float16ToFloat(a[i * k + x]) * Float.float16ToFloat(b[j * k + x]);
          }
          assertEquals(expected, got[i * 8 + j], 1e-4);
        }
      }
      return report;
    }
  },
  HISTOGRAM {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(700, 0, 1000).toArray();
      long bins = gpu.upload(new int[64]);
      LaunchReport report =
          gpu.launch("histogram", Shape.of(3, 128), seed, gpu.upload(x), bins, x.length);
      int[] expected = new int[64];
      Arrays.stream(x).forEach(v -> expected[v & 63]++);
      assertArrayEquals(expected, gpu.ints(bins, 64));
      return report;
    }
  },
  COLLATZ {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(75, 1, 60).toArray();
      long out = gpu.output(4L * x.length);
      LaunchReport report =
          gpu.launch("collatz", Shape.of(2, 48), seed, gpu.upload(x), out, x.length);
      int[] expected = Arrays.stream(x).map(Scenario::collatz).toArray();
      assertArrayEquals(expected, gpu.ints(out, x.length));
      return report;
    }
  },
  SCAN {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(256, -50, 50).toArray();
      long out = gpu.output(4L * x.length);
      LaunchReport report = gpu.launch("scan", Shape.of(2, 128), seed, gpu.upload(x), out);
      int[] expected = x.clone();
      for (int i = 0; i < x.length; i++) {
        expected[i] += i % 128 == 0 ? 0 : expected[i - 1];
      }
      assertArrayEquals(expected, gpu.ints(out, x.length));
      return report;
    }
  },
  LAST_BLOCK {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(6 * 64, -50, 50).toArray();
      long out = gpu.output(4);
      LaunchReport report =
          gpu.launch(
              "last_block",
              Shape.of(6, 64),
              seed,
              gpu.upload(x),
              gpu.output(4 * 6),
              gpu.upload(new int[1]),
              out);
      assertEquals(Arrays.stream(x).sum(), gpu.ints(out, 1)[0]);
      return report;
    }
  },
  WARP_EXCHANGE {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(128).toArray();
      long out = gpu.output(4L * x.length);
      LaunchReport report = gpu.launch("warp_exchange", Shape.of(2, 64), seed, gpu.upload(x), out);
      int[] expected = new int[x.length];
      for (int i = 0; i < x.length; i++) {
        expected[i] = 2 * x[(i & ~31) + 31 - ((i ^ 1) & 31)];
      }
      assertArrayEquals(expected, gpu.ints(out, x.length));
      return report;
    }
  },
  HALF_WARPS {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(32, 0, 1000).toArray();
      long out = gpu.output(4 * 32);
      LaunchReport report = gpu.launch("half_warps", Shape.of(1, 32), seed, gpu.upload(x), out);
      int low = 0;
      int high = 0;
      for (int i = 0; i < 16; i++) {
        low += x[i] + 1;
        high += 3 * x[16 + i];
      }
      int[] expected = new int[32];
      for (int i = 0; i < 32; i++) {
        int from = (i & 16) + ((i + 1) & 15);
        expected[i] = (i < 16 ? low : high) + from;
      }
      assertArrayEquals(expected, gpu.ints(out, 32));
      return report;
    }
  },
  COMPACT {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(300, -9, 10).toArray();
      long out = gpu.output(4L * x.length);
      long count = gpu.upload(new int[1]);
      LaunchReport report =
          gpu.launch("compact", Shape.of(3, 128), seed, gpu.upload(x), out, count, x.length);
      int[] expected = Arrays.stream(x).filter(v -> v > 0).sorted().toArray();
      assertEquals(expected.length, gpu.ints(count, 1)[0]);
      int[] got = gpu.ints(out, expected.length);
      Arrays.sort(got);
      assertArrayEquals(expected, got);
      return report;
    }
  },
  NAMED_BARRIERS {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(4 * 32).toArray();
      long out = gpu.output(4L * x.length);
      LaunchReport report =
          gpu.launch("named_barriers", Shape.of(1, 64), seed, gpu.upload(x), out, 4);
      int[] expected = new int[x.length];
      for (int i = 0; i < x.length; i++) {
        expected[i] = x[i ^ 31];
      }
      assertArrayEquals(expected, gpu.ints(out, x.length));
      return report;
    }
  },
  FEATURES {
    @Override
    LaunchReport run(TestGpu gpu, long seed) {
      int[] x = new Random(seed).ints(20, 0, 100).toArray();
      long out = gpu.output(4 * 64);
      LaunchReport report =
          gpu.launch(
              "features", new Shape(1, 1, 64, 1, 64 * 4), seed, gpu.upload(x), out, x.length);
      int[] expected = new int[64];
      for (int t = 0; t < 64; t++) {
        expected[t] = features(x, t) + ((t & 1) != 0 ? 32 : 0);
      }
      assertArrayEquals(expected, gpu.ints(out, 64));
      return report;
    }
  };

  /** Launches the kernel on fresh memory and compares the result with the reference. */
  abstract LaunchReport run(TestGpu gpu, long seed);

  private static float[] floats(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  private static short[] halves(int count, long seed) {
    float[] values = floats(count, seed);
    short[] halves = new short[count];
    for (int i = 0; i < count; i++) {
      halves[i] = Float.floatToFloat16(values[i]);
    }
    return halves;
  }

  private static double sum(float[] values) {
    double total = 0;
    for (float value : values) {
      total += value;
    }
    return total;
  }

  private static int collatz(int start) {
    int v = start;
    int steps = 0;
    while (v != 1 && steps < 1000) {
      v = (v & 1) != 0 ? 3 * v + 1 : v >> 1;
      steps++;
    }
    return steps;
  }

  private static int features(int[] x, int t) {
    int[] table = {3, 1, 4, 1, 5, 9, 2, 6};
    int[] local = new int[8];
    for (int i = 0; i < 8; i++) {
      local[i] = x[(t + i) % x.length];
    }
    int sum = 0;
    for (int value : x) {
      int j = value & 7;
      sum += local[j];
      local[j] = j > 4 ? sum * j + table[j & 7] : sum - j;
    }
    return sum;
  }
}
