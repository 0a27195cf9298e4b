package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Arrays;
import java.util.Random;
import java.util.function.LongBinaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every atomic operation and type, on global, shared and generic addresses: 64 threads of two warps
 * on one word. What the threads get back, and what remains, must be the steps of one order.
 */
class AtomicsTest {
  private static final int THREADS = 64;
  private static final int SEEDS = 3;
  private static final String[] SPACES = {"global", "shared", ""};

  private static String kernel(String operation, String type, String space, boolean swap) {
    int bits = bits(type);
    String register = "b" + bits;
    boolean shared = !space.equals("global");
    return """
    .version 9.0
    .target sm_90
    .address_size 64
    .visible .entry k(.param .u64 pword, .param .u64 pin, .param .u64 pout)
    {
      .reg .pred %p;
      .reg .REG %v, %d, %x;
      .reg .b32 %t, %s;
      .reg .b64 %word, %in, %out, %o, %gen;
      .shared .align 8 .b8 s[8];
      mov.u32 %t, %tid.x;
      mov.u32 %s, s;
      ld.param.u64 %word, [pword];
      ld.param.u64 %in, [pin];
      ld.param.u64 %out, [pout];
      mul.wide.u32 %o, %t, 8;
      add.u64 %in, %in, %o;
      add.u64 %out, %out, %o;
      ld.global.REG %v, [%in];
      mov.u64 %gen, s;
      cvta.shared.u64 %gen, %gen;
      setp.ne.u32 %p, %t, 0;
      @%p bra SET;
      ld.global.REG %x, [%word];
      st.shared.REG [%s], %x;
    SET:
      bar.sync 0;
      OPERATION
      st.global.REG [%out], %d;
      bar.sync 0;
      @%p bra DONE;
      BACK
    DONE:
      ret;
    }
    """
        .replace("REG", register)
        .replace("BACK", shared ? "ld.shared.REG %x, [%s]; st.global.REG [%word], %x;" : "")
        .replace("REG", register)
        .replace(
            "OPERATION",
            operation(operation, type, space, swap)
                .replace("AT", space.equals("global") ? "%word" : shared(space)));
  }

  private static String shared(String space) {
    return space.isEmpty() ? "%gen" : "%s";
  }

  private static String operation(String operation, String type, String space, boolean swap) {
    String where = space.isEmpty() ? "" : "." + space;
    boolean half = type.contains("f16");
    String name = "atom" + where + "." + operation + (half ? ".noftz" : "") + "." + type;
    return swap ? name + " %d, [AT], 0, %v;" : name + " %d, [AT], %v;";
  }

  private static int bits(String type) {
    return type.endsWith("64") ? 64 : type.endsWith("16") ? 16 : 32;
  }

  /** Runs in all spaces; the steps are checked by {@code next(old, value)} where it is given. */
  private static void run(
      String operation, String type, long first, long[] values, LongBinaryOperator next) {
    int bits = bits(type);
    long ones = bits == 64 ? -1 : (1L << bits) - 1;
    for (String space : SPACES) {
      TestGpu gpu = new TestGpu(kernel(operation, type, space, operation.equals("cas")));
      for (int seed = 0; seed < SEEDS; seed++) {
        long word = gpu.upload(new long[] {first});
        long out = gpu.upload(new long[THREADS]);
        gpu.launch("k", Shape.of(1, THREADS), seed, word, gpu.upload(values), out);
        long last = gpu.longs(word, 1)[0] & ones;
        long[] before = gpu.longs(out, THREADS);
        // Each thread took the word from what it got back to what another got, or to the end.
        long[] taken = new long[THREADS + 1];
        long[] left = new long[THREADS + 1];
        for (int i = 0; i < THREADS; i++) {
          taken[i] = before[i] & ones;
          left[i] = next.applyAsLong(before[i] & ones, values[i] & ones) & ones;
        }
        taken[THREADS] = last;
        left[THREADS] = first & ones;
        Arrays.sort(taken);
        Arrays.sort(left);
        assertArrayEquals(left, taken, operation + "." + type + " in " + space);
      }
    }
  }

  private static long[] values(Random random, int bits) {
    long[] values = random.longs(THREADS).toArray();
    values[3] = values[4];
    values[5] = 0;
    return Arrays.stream(values).map(v -> bits == 64 ? v : v & ((1L << bits) - 1)).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "add, u32", "add, s32", "add, u64", "min, u32", "max, u32", "min, s32", "max, s32",
    "min, u64", "max, u64", "min, s64", "max, s64", "and, b32", "or, b32", "xor, b32",
    "and, b64", "or, b64", "xor, b64", "exch, b32", "exch, b64", "inc, u32", "dec, u32",
    "cas, b32", "cas, b64", "cas, b16",
  })
  void integers(String operation, String type) {
    long[] values = values(new Random(operation.hashCode()), bits(type));
    if (operation.equals("inc") || operation.equals("dec")) {
      Arrays.setAll(values, i -> i % 7 + 3);
    }
    long first = operation.equals("cas") ? 0 : operation.equals("and") ? -1 : 5;
    run(operation, type, first, values, (old, value) -> step(operation, type, old, value));
  }

  private static long step(String operation, String type, long old, long value) {
    boolean signed = type.startsWith("s");
    boolean narrow = bits(type) == 32;
    long a = signed && narrow ? (int) old : old;
    long b = signed && narrow ? (int) value : value;
    return switch (operation) {
      case "add" -> a + b;
      case "min" -> (signed ? a < b : Long.compareUnsigned(a, b) < 0) ? a : b;
      case "max" -> (signed ? a > b : Long.compareUnsigned(a, b) > 0) ? a : b;
      case "and" -> a & b;
      case "or" -> a | b;
      case "xor" -> a ^ b;
      case "exch" -> b;
      case "cas" -> a == 0 ? b : a;
      case "inc" -> a >= b ? 0 : a + 1;
      default -> a == 0 || a > b ? b : a - 1;
    };
  }

  /** Small whole numbers, whose sums are exact in each format and in any order. */
  @ParameterizedTest
  @CsvSource({"f32", "f64", "f16", "bf16", "f16x2", "bf16x2"})
  void floats(String type) {
    Random random = new Random(type.hashCode());
    long[] values = new long[THREADS];
    Arrays.setAll(values, i -> encode(type, random.nextInt(5) - 2, random.nextInt(5) - 2));
    run("add", type, encode(type, 3, -1), values, (old, value) -> sum(type, old, value));
  }

  private static long encode(String type, int low, int high) {
    return switch (type) {
      case "f32" -> Float.floatToRawIntBits(low) & 0xffffffffL;
      case "f64" -> Double.doubleToRawLongBits(low);
      case "f16" -> Float.floatToFloat16(low) & 0xffff;
      case "bf16" -> Float.floatToRawIntBits(low) >>> 16;
      default -> {
        String half = type.replace("x2", "");
        yield encode(half, low, 0) | encode(half, high, 0) << 16;
      }
    };
  }

  private static int decode(String type, long code) {
    return (int)
        switch (type) {
          case "f32" -> Float.intBitsToFloat((int) code);
          case "f64" -> Double.longBitsToDouble(code);
          case "f16" -> Float.float16ToFloat((short) code);
          default -> Float.intBitsToFloat((int) code << 16);
        };
  }

  private static long sum(String type, long a, long b) {
    if (type.endsWith("x2")) {
      String half = type.replace("x2", "");
      return encode(
          type,
          decode(half, a & 0xffff) + decode(half, b & 0xffff),
          decode(half, a >>> 16) + decode(half, b >>> 16));
    }
    return encode(type, decode(type, a) + decode(type, b), 0);
  }

  /** Reductions return nothing; scopes and orders change nothing in what is computed. */
  @ParameterizedTest
  @CsvSource({
    "red.global.add.u32", "red.relaxed.gpu.global.add.u32", "red.release.sys.global.add.u32",
    "red.relaxed.cta.global.add.u32", "red.global.add.s32", "red.add.u32",
  })
  void reductions(String instruction) {
    String ptx =
        kernel("add", "u32", "global", false)
            .replace(
                "atom.global.add.u32 %d, [%word], %v;",
                instruction + " [%word], %v; mov.b32 %d, 0;");
    TestGpu gpu = new TestGpu(ptx);
    long[] values = new Random(1).longs(THREADS, 0, 1000).toArray();
    long word = gpu.upload(new long[] {7});
    gpu.launch(
        "k", Shape.of(1, THREADS), 0, word, gpu.upload(values), gpu.upload(new long[THREADS]));
    assertEquals(7 + Arrays.stream(values).sum(), gpu.longs(word, 1)[0]);
  }
}
