package dev.warpwright.softgpu.sim;

import java.util.function.IntBinaryOperator;
import java.util.function.LongBinaryOperator;

/** atom and red. */
final class Atomics {
  private Atomics() {}

  static void decode(Form form) {
    boolean returns = form.base.equals("atom");
    String order = form.takeAny("relaxed", "acquire", "release", "acq_rel");
    String scope = form.takeAny("cta", "cluster", "gpu", "sys");
    Space space = LoadStore.space(form);
    String op = form.takeOne("add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas");
    boolean noFlush = form.take("noftz");
    PtxType type = form.type();
    if (!returns && (op.equals("exch") || op.equals("cas"))) {
      throw form.refuse("red has no ." + op);
    }
    if (noFlush != (type.isFloat() && type != PtxType.F32 && type != PtxType.F64)) {
      throw form.refuse(".noftz goes with half types, and only with them");
    }
    form.instr.group = Instr.Group.MEMORY;
    boolean swap = op.equals("cas");
    int at = returns ? 1 : 0;
    int expected = at + (swap ? 3 : 2);
    form.needOperands(expected, expected);
    int d = returns ? form.target(0, type) : -1;
    Access access = Access.of(form, form.address(at), space, type.bytes);
    int b = form.source(at + 1, type);
    int c = swap ? form.source(at + 2, type) : b;
    boolean wide = type.bytes == 8;
    boolean releases = "release".equals(order) || "acq_rel".equals(order);
    boolean device = !"cta".equals(scope);
    IntBinaryOperator narrowOp = wide || swap ? (x, y) -> y : ints(form, op, type);
    LongBinaryOperator wideOp = wide && !swap ? longs(form, op, type) : (x, y) -> y;
    boolean flush = type == PtxType.F32;
    form.instr.action =
        (w, mask) -> {
          if (releases) {
            w.clock.fence(device);
          }
          MemoryUnit unit = w.block.run.unit;
          int turn = w.block.run.random(Warp.LANES);
          for (int i = 0; i < Warp.LANES; i++) {
            int lane = (i + turn) & 31;
            if ((mask >>> lane & 1) == 0) {
              continue;
            }
            Space where = unit.locate(w, access, lane);
            unit.checkInitialised(w, lane, access.bytes);
            Publishing.acquire(w, unit, where);
            unit.checkRead(w, lane, access.bytes, true);
            unit.checkWrite(w, lane, access.bytes, true);
            Publishing.release(w, unit, where);
            byte[] data = unit.allocation.data;
            if (wide) {
              long old = LoadStore.read(data, unit.at, type);
              long next = wideOp.applyAsLong(old, w.q[b + lane]);
              if (swap) {
                next = old == w.q[b + lane] ? w.q[c + lane] : old;
              }
              LoadStore.write(data, unit.at, 8, next);
              if (d >= 0) {
                w.q[d + lane] = old;
              }
            } else {
              int old = (int) LoadStore.read(data, unit.at, type);
              int next;
              if (swap) {
                next = old == w.r[b + lane] ? w.r[c + lane] : old;
              } else if (flush && where == Space.GLOBAL && op.equals("add")) {
                next = flushedAdd(old, w.r[b + lane]);
              } else {
                next = narrowOp.applyAsInt(old, w.r[b + lane]);
              }
              LoadStore.write(data, unit.at, type.bytes, next);
              if (d >= 0) {
                w.r[d + lane] = type.bytes == 2 ? old & 0xffff : old;
              }
            }
            if (where == Space.SHARED) {
              w.block.run.counters.sharedAtomics++;
            } else {
              w.block.run.counters.globalAtomics++;
            }
          }
        };
  }

  /** f32 additions in global memory flush subnormal numbers. */
  private static int flushedAdd(int x, int y) {
    float sum =
        FloatInstructions.flush(Float.intBitsToFloat(x))
            + FloatInstructions.flush(Float.intBitsToFloat(y));
    return FloatInstructions.bits(FloatInstructions.flush(sum));
  }

  /** The operation on 32-bit registers. */
  static IntBinaryOperator ints(Form form, String op, PtxType type) {
    return switch (type) {
      case B32 ->
          switch (op) {
            case "and" -> (x, y) -> x & y;
            case "or" -> (x, y) -> x | y;
            case "xor" -> (x, y) -> x ^ y;
            case "exch" -> (x, y) -> y;
            default -> throw form.refuse("." + op + " of .b32");
          };
      case U32 ->
          switch (op) {
            case "add" -> Integer::sum;
            case "min" -> (x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y;
            case "max" -> (x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y;
            case "inc" -> (x, y) -> Integer.compareUnsigned(x, y) >= 0 ? 0 : x + 1;
            case "dec" -> (x, y) -> x == 0 || Integer.compareUnsigned(x, y) > 0 ? y : x - 1;
            default -> throw form.refuse("." + op + " of .u32");
          };
      case S32 ->
          switch (op) {
            case "add" -> Integer::sum;
            case "min" -> Math::min;
            case "max" -> Math::max;
            default -> throw form.refuse("." + op + " of .s32");
          };
      case F32, F16, F16X2, BF16, BF16X2 -> floatAdd(form, op, type);
      default -> throw form.refuse("type ." + type.text + " is not for " + form.base);
    };
  }

  private static IntBinaryOperator floatAdd(Form form, String op, PtxType type) {
    if (!op.equals("add")) {
      throw form.refuse("." + op + " of ." + type.text);
    }
    if (type == PtxType.F32) {
      return (x, y) -> FloatInstructions.bits(Float.intBitsToFloat(x) + Float.intBitsToFloat(y));
    }
    boolean brain = type == PtxType.BF16 || type == PtxType.BF16X2;
    IntBinaryOperator half =
        (x, y) ->
            HalfArithmetic.code(
                Formats.fusedToOdd(
                    HalfArithmetic.value(x & 0xffff, brain),
                    1,
                    HalfArithmetic.value(y & 0xffff, brain)),
                brain);
    return type.bytes == 2
        ? half
        : (x, y) -> half.applyAsInt(x, y) | (half.applyAsInt(x >>> 16, y >>> 16) << 16);
  }

  private static LongBinaryOperator longs(Form form, String op, PtxType type) {
    return switch (type) {
      case B64 ->
          switch (op) {
            case "and" -> (x, y) -> x & y;
            case "or" -> (x, y) -> x | y;
            case "xor" -> (x, y) -> x ^ y;
            case "exch" -> (x, y) -> y;
            default -> throw form.refuse("." + op + " of .b64");
          };
      case U64 ->
          switch (op) {
            case "add" -> Long::sum;
            case "min" -> (x, y) -> Long.compareUnsigned(x, y) < 0 ? x : y;
            case "max" -> (x, y) -> Long.compareUnsigned(x, y) > 0 ? x : y;
            default -> throw form.refuse("." + op + " of .u64");
          };
      case S64 ->
          switch (op) {
            case "min" -> Math::min;
            case "max" -> Math::max;
            default -> throw form.refuse("." + op + " of .s64");
          };
      case F64 -> {
        if (!op.equals("add")) {
          throw form.refuse("." + op + " of .f64");
        }
        yield (x, y) ->
            Double.doubleToRawLongBits(Double.longBitsToDouble(x) + Double.longBitsToDouble(y));
      }
      default -> throw form.refuse("type ." + type.text + " is not for " + form.base);
    };
  }
}
