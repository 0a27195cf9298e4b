package dev.warpwright.softgpu.sim;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** mov, cvta, isspacep, selp and slct. */
final class MoveInstructions {
  private MoveInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    to.put("mov", MoveInstructions::move);
    to.put("cvta", MoveInstructions::convertAddress);
    to.put("isspacep", MoveInstructions::isSpace);
    to.put("selp", MoveInstructions::select);
    to.put("slct", MoveInstructions::selectBySign);
    to.put("nanosleep", MoveInstructions::nothing);
    to.put("prefetch", MoveInstructions::prefetch);
    to.put("griddepcontrol", form -> form.takeOne("wait", "launch_dependents"));
  }

  private static void nothing(Form form) {
    form.type(PtxType.U32);
  }

  private static void prefetch(Form form) {
    form.takeAny("global", "local");
    form.takeOne("L1", "L2");
  }

  private static void move(Form form) {
    PtxType type = form.type();
    form.needOperands(2, 2);
    if (type.bytes == 1) {
      throw form.refuse("type ." + type.text + " is not for mov");
    }
    if (type == PtxType.PRED) {
      movePredicate(form);
    } else if (form.operand(0) instanceof Operand.Vector vector) {
      unpack(form, type, vector.parts());
    } else if (form.operand(1) instanceof Operand.Vector vector) {
      pack(form, type, vector.parts());
    } else if (form.operand(1) instanceof Operand.Name name && isClock(name.text())) {
      clock(form, type);
    } else {
      int d = form.target(0, type);
      int a = form.source(1, type);
      form.instr.action = type.bytes == 8 ? Lanes.long1(d, a, x -> x) : Lanes.int1(d, a, x -> x);
    }
  }

  private static boolean isClock(String name) {
    return name.equals("%clock")
        || name.equals("%clock64")
        || name.equals("%clock_hi")
        || name.equals("%globaltimer");
  }

  /** Time is the number of instructions of the warp. */
  private static void clock(Form form, PtxType type) {
    int d = form.target(0, type);
    boolean wide = type.bytes == 8;
    boolean upper = form.name(1).equals("%clock_hi");
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            if (wide) {
              w.q[d + l] = w.ticks;
            } else {
              w.r[d + l] = (int) (upper ? w.ticks >> 32 : w.ticks);
            }
          }
        };
  }

  private static void movePredicate(Form form) {
    int d = form.target(0, 1);
    if (form.operand(1) instanceof Operand.Literal literal) {
      int all = literal.bits() == 0 ? 0 : -1;
      form.instr.action = (w, m) -> Lanes.predicate(w, d, m, all);
      return;
    }
    Form.Predicate a = form.predicate(1);
    form.instr.action = (w, m) -> Lanes.predicate(w, d, m, a.of(w));
  }

  private static PtxType part(Form form, PtxType whole, int parts) {
    return switch (whole.bytes / parts) {
      case 2 -> PtxType.B16;
      case 4 -> PtxType.B32;
      default -> throw form.refuse(parts + " parts of ." + whole.text);
    };
  }

  private static void pack(Form form, PtxType type, List<Operand> parts) {
    PtxType part = part(form, type, parts.size());
    int[] from = new int[parts.size()];
    for (int i = 0; i < from.length; i++) {
      from[i] = form.source(parts.get(i), part);
    }
    int d = form.target(0, type);
    int bits = part.bytes * 8;
    boolean wide = type.bytes == 8;
    long ones = (1L << bits) - 1;
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            long value = 0;
            for (int i = 0; i < from.length; i++) {
              value |= (w.r[from[i] + l] & ones) << (bits * i);
            }
            if (wide) {
              w.q[d + l] = value;
            } else {
              w.r[d + l] = (int) value;
            }
          }
        };
  }

  private static void unpack(Form form, PtxType type, List<Operand> parts) {
    PtxType part = part(form, type, parts.size());
    int[] to = new int[parts.size()];
    for (int i = 0; i < to.length; i++) {
      to[i] = form.target(parts.get(i), part.bytes * 8);
    }
    int a = form.source(1, type);
    int bits = part.bytes * 8;
    boolean wide = type.bytes == 8;
    long ones = (1L << bits) - 1;
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            long value = wide ? w.q[a + l] : w.r[a + l];
            for (int i = 0; i < to.length; i++) {
              w.r[to[i] + l] = (int) (value >>> (bits * i) & ones);
            }
          }
        };
  }

  private static long window(Form form, Space space) {
    return switch (space) {
      case SHARED -> Space.SHARED_WINDOW;
      case LOCAL -> Space.LOCAL_WINDOW;
      case GLOBAL, CONST -> 0;
      default -> throw form.refuse("an address of ." + space);
    };
  }

  private static void convertAddress(Form form) {
    boolean out = form.take("to");
    Space space = LoadStore.space(form);
    PtxType type = form.type(PtxType.U64);
    long window = window(form, space);
    long step = out ? -window : window;
    form.instr.action = Lanes.long1(form.target(0, type), form.source(1, type), x -> x + step);
  }

  private static void isSpace(Form form) {
    Space space = LoadStore.space(form);
    int d = form.target(0, 1);
    int a = form.source(1, PtxType.U64);
    form.instr.action =
        (w, mask) -> Lanes.predicate(w, d, mask, Lanes.lanes(mask, l -> of(w.q[a + l]) == space));
  }

  private static Space of(long address) {
    if (address >= Space.LOCAL_WINDOW) {
      return Space.LOCAL;
    }
    return address >= Space.SHARED_WINDOW ? Space.SHARED : Space.GLOBAL;
  }

  private static void select(Form form) {
    PtxType type = form.type();
    form.needOperands(4, 4);
    if (type.bytes < 2) {
      throw form.refuse("type ." + type.text + " is not for selp");
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    Form.Predicate p = form.predicate(3);
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          int which = p.of(w);
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            int from = (which >>> l & 1) != 0 ? a : b;
            if (wide) {
              w.q[d + l] = w.q[from + l];
            } else {
              w.r[d + l] = w.r[from + l];
            }
          }
        };
  }

  private static void selectBySign(Form form) {
    boolean flush = form.take("ftz");
    PtxType type = form.type();
    PtxType by = form.type(PtxType.S32, PtxType.F32);
    if (flush && by != PtxType.F32) {
      throw form.refuse("unknown modifier .ftz");
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    int c = form.source(3, by);
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            boolean first;
            if (by == PtxType.S32) {
              first = w.r[c + l] >= 0;
            } else {
              float x = Float.intBitsToFloat(w.r[c + l]);
              first = (flush ? FloatInstructions.flush(x) : x) >= 0;
            }
            int from = first ? a : b;
            if (wide) {
              w.q[d + l] = w.q[from + l];
            } else {
              w.r[d + l] = w.r[from + l];
            }
          }
        };
  }
}
