package dev.warpwright.softgpu.sim;

import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntBinaryOperator;

/** shfl, vote, match, redux, elect and activemask. */
final class WarpInstructions {
  private WarpInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    to.put("shfl", WarpInstructions::shuffle);
    to.put("vote", WarpInstructions::vote);
    to.put("match", WarpInstructions::match);
    to.put("redux", WarpInstructions::reduce);
    to.put("elect", WarpInstructions::elect);
    to.put("activemask", WarpInstructions::activeMask);
  }

  private static void sync(Form form, int maskOperand) {
    if (!form.take("sync")) {
      throw form.refuse(".sync is missing");
    }
    form.instr.kind = Instr.Kind.WARP_SYNC;
    form.instr.group = Instr.Group.SYNC;
    form.instr.memberMask = form.source(maskOperand, PtxType.B32);
  }

  private static int first(Form form, Operand operand) {
    return form.target(operand instanceof Operand.Pair p ? p.first() : operand, 32);
  }

  private static int second(Form form, Operand operand) {
    return operand instanceof Operand.Pair p && !isSink(p.second())
        ? form.target(p.second(), 1)
        : -1;
  }

  private static boolean isSink(Operand operand) {
    return operand instanceof Operand.Name n && n.text().equals("_");
  }

  private static void shuffle(Form form) {
    String mode = form.takeOne("up", "down", "bfly", "idx");
    form.type(PtxType.B32);
    form.needOperands(5, 5);
    sync(form, 4);
    int d = first(form, form.operand(0));
    int valid = second(form, form.operand(0));
    int a = form.source(1, PtxType.B32);
    int b = form.source(2, PtxType.B32);
    int c = form.source(3, PtxType.B32);
    form.instr.action =
        (w, mask) -> {
          int[] values = w.block.run.lanes;
          System.arraycopy(w.r, a, values, 0, Warp.LANES);
          int inside = 0;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            int by = w.r[b + lane] & 31;
            int segment = w.r[c + lane] >> 8 & 31;
            int clamp = w.r[c + lane] & 31;
            int most = (lane & segment) | (clamp & ~segment);
            int least = lane & segment;
            int from =
                switch (mode) {
                  case "up" -> lane - by;
                  case "down" -> lane + by;
                  case "bfly" -> lane ^ by;
                  default -> least | (by & ~segment);
                };
            boolean in = mode.equals("up") ? from >= most : from <= most;
            if (in) {
              inside |= 1 << lane;
            } else {
              from = lane;
            }
            if ((mask >>> from & 1) == 0 && w.block.run.checkSync) {
              throw w.faultAt(
                  SimFault.Kind.INACTIVE_LANE,
                  lane,
                  0,
                  "a shuffle reads lane " + from + ", which takes no part");
            }
            w.r[d + lane] = values[from];
          }
          if (valid >= 0) {
            Lanes.predicate(w, valid, mask, inside);
          }
        };
  }

  private static void vote(Form form) {
    String mode = form.takeOne("all", "any", "uni", "ballot");
    boolean ballot = mode.equals("ballot");
    form.type(ballot ? PtxType.B32 : PtxType.PRED);
    form.needOperands(3, 3);
    sync(form, 2);
    int d = form.target(0, ballot ? 32 : 1);
    Form.Predicate a = form.predicate(1);
    form.instr.action =
        (w, mask) -> {
          int yes = a.of(w) & mask;
          if (ballot) {
            for (int m = mask; m != 0; m &= m - 1) {
              w.r[d + Integer.numberOfTrailingZeros(m)] = yes;
            }
            return;
          }
          boolean result =
              switch (mode) {
                case "all" -> yes == mask;
                case "any" -> yes != 0;
                default -> yes == mask || yes == 0;
              };
          Lanes.predicate(w, d, mask, result ? -1 : 0);
        };
  }

  private static void match(Form form) {
    boolean all = form.takeOne("any", "all").equals("all");
    PtxType type = form.type(PtxType.B32, PtxType.B64);
    form.needOperands(3, 3);
    sync(form, 2);
    int d = first(form, form.operand(0));
    int valid = second(form, form.operand(0));
    int a = form.source(1, type);
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          boolean everywhere = true;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            int same =
                Lanes.lanes(
                    mask, l -> wide ? w.q[a + l] == w.q[a + lane] : w.r[a + l] == w.r[a + lane]);
            everywhere &= same == mask;
            w.r[d + lane] = same;
          }
          if (all) {
            for (int m = mask; m != 0; m &= m - 1) {
              w.r[d + Integer.numberOfTrailingZeros(m)] = everywhere ? mask : 0;
            }
            if (valid >= 0) {
              Lanes.predicate(w, valid, mask, everywhere ? -1 : 0);
            }
          }
        };
    if (d == a && !wide) {
      throw form.refuse("match with its source as target is not simulated");
    }
  }

  private static void reduce(Form form) {
    String name = form.takeOne("add", "min", "max", "and", "or", "xor");
    PtxType type = form.type(PtxType.U32, PtxType.S32, PtxType.B32);
    form.needOperands(3, 3);
    sync(form, 2);
    int d = form.target(0, 32);
    int a = form.source(1, type);
    IntBinaryOperator op = Atomics.ints(form, name, type);
    form.instr.action =
        (w, mask) -> {
          int rest = mask & (mask - 1);
          int result = w.r[a + Integer.numberOfTrailingZeros(mask)];
          for (int m = rest; m != 0; m &= m - 1) {
            result = op.applyAsInt(result, w.r[a + Integer.numberOfTrailingZeros(m)]);
          }
          for (int m = mask; m != 0; m &= m - 1) {
            w.r[d + Integer.numberOfTrailingZeros(m)] = result;
          }
        };
  }

  private static void elect(Form form) {
    form.needOperands(2, 2);
    sync(form, 1);
    int d = first(form, form.operand(0));
    int valid = second(form, form.operand(0));
    form.instr.action =
        (w, mask) -> {
          int leader = Integer.numberOfTrailingZeros(mask);
          for (int m = mask; m != 0; m &= m - 1) {
            w.r[d + Integer.numberOfTrailingZeros(m)] = leader;
          }
          if (valid >= 0) {
            Lanes.predicate(w, valid, mask, 1 << leader);
          }
        };
  }

  private static void activeMask(Form form) {
    form.type(PtxType.B32);
    form.instr.group = Instr.Group.SYNC;
    int d = form.target(0, 32);
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            w.r[d + Integer.numberOfTrailingZeros(m)] = mask;
          }
        };
  }
}
