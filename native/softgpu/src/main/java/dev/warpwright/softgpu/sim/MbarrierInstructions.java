package dev.warpwright.softgpu.sim;

import java.util.Map;
import java.util.function.Consumer;

/** mbarrier, and the arrival of cp.async at one. Transactions (TMA) are not simulated. */
final class MbarrierInstructions {
  private static final int BYTES = 8;

  private MbarrierInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    to.put("mbarrier", MbarrierInstructions::decode);
  }

  private static void decode(Form form) {
    form.instr.group = Instr.Group.SYNC;
    String what =
        form.takeOne(
            "init", "inval", "arrive", "arrive_drop", "test_wait", "try_wait", "pending_count");
    switch (what) {
      case "init" -> init(form);
      case "inval" -> invalidate(form);
      case "arrive" -> arrive(form, false);
      case "arrive_drop" -> arrive(form, true);
      case "pending_count" -> pendingCount(form);
      default -> test(form, what.equals("try_wait"));
    }
  }

  private static Access place(Form form, int operand) {
    Space space = LoadStore.space(form);
    form.type(PtxType.B64);
    return Access.of(form, form.address(operand), space, BYTES);
  }

  private static void init(Form form) {
    Access access = place(form, 0);
    int count = form.source(1, PtxType.U32);
    form.needOperands(2, 2);
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            MemoryUnit unit = locate(w, access, lane);
            unit.checkWrite(w, lane, BYTES, false);
            int expected = w.r[count + lane];
            if (expected < 1 || expected > Mbarrier.MOST) {
              throw misuse(w, lane, "an mbarrier for " + expected + " arrivals");
            }
            if (w.block.mbarriers.containsKey(unit.at)) {
              throw misuse(w, lane, "there is a valid mbarrier already");
            }
            LoadStore.markWritten(unit.allocation, unit.at, BYTES);
            w.block.mbarriers.put(unit.at, new Mbarrier(w.block, expected));
          }
        };
  }

  private static void invalidate(Form form) {
    Access access = place(form, 0);
    form.needOperands(1, 1);
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            find(w, access, lane);
            MemoryUnit unit = w.block.run.unit;
            unit.checkWrite(w, lane, BYTES, false);
            LoadStore.markUnwritten(unit.allocation, unit.at, BYTES);
            w.block.mbarriers.remove(unit.at);
          }
        };
  }

  private static void arrive(Form form, boolean drops) {
    boolean completes = !form.take("noComplete");
    form.takeAny("release", "relaxed");
    form.takeAny("cta");
    Access access = place(form, 1);
    boolean wanted = !(form.operand(0) instanceof Operand.Name n && n.text().equals("_"));
    int state = wanted ? form.target(0, PtxType.B64) : -1;
    form.needOperands(completes ? 2 : 3, 3);
    boolean counted = form.operands.size() == 3;
    if (counted && completes) {
      form.needArchitecture(90);
    }
    int counts = counted ? form.source(2, PtxType.U32) : form.code.constant(1);
    form.instr.action =
        (w, mask) -> {
          w.clock.fence(false);
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            Mbarrier barrier = find(w, access, lane);
            int count = w.r[counts + lane];
            int most = completes ? barrier.open() : barrier.open() - 1;
            if (count < 1 || count > most) {
              throw misuse(w, lane, count + " arrivals, where at most " + most + " are expected");
            }
            if (wanted) {
              w.q[state + lane] = barrier.state();
            }
            if (drops) {
              barrier.drop(count);
            }
            barrier.arrive(w, lane, count);
          }
        };
  }

  private static void test(Form form, boolean hinted) {
    if (hinted) {
      form.needArchitecture(90);
    }
    boolean parity = form.take("parity");
    form.takeAny("acquire", "relaxed");
    form.takeAny("cta");
    Access access = place(form, 1);
    int done = form.target(0, 1);
    form.needOperands(3, hinted ? 4 : 3);
    int phase = form.source(2, parity ? PtxType.U32 : PtxType.B64);
    if (form.operands.size() == 4) {
      form.source(3, PtxType.U32);
    }
    form.instr.action =
        (w, mask) -> {
          int ended = 0;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            Mbarrier barrier = find(w, access, lane);
            barrier.look();
            boolean now =
                parity
                    ? (barrier.phase() & 1) != (w.r[phase + lane] & 1)
                    : isOver(w, lane, barrier, Mbarrier.phase(w.q[phase + lane]));
            if (now) {
              barrier.acquire(w, lane);
              ended |= 1 << lane;
            }
          }
          if (ended != 0) {
            w.clock.tick++;
          }
          Lanes.predicate(w, done, mask, ended);
        };
  }

  private static boolean isOver(Warp w, int lane, Mbarrier barrier, int phase) {
    int ago = barrier.phase() - phase;
    if (ago < 0 || ago > 1) {
      throw misuse(w, lane, "a state that is neither of this phase nor of the one before");
    }
    return ago == 1;
  }

  private static void pendingCount(Form form) {
    form.type(PtxType.B64);
    form.needOperands(2, 2);
    int d = form.target(0, PtxType.B32);
    int state = form.source(1, PtxType.B64);
    form.instr.action = Lanes.toInt(d, state, Mbarrier::pending);
  }

  /** cp.async.mbarrier.arrive. */
  static void arriveAfterCopies(Form form) {
    form.instr.group = Instr.Group.SYNC;
    if (!form.take("arrive")) {
      throw form.refuse(".arrive is missing");
    }
    boolean more = !form.take("noinc");
    Access access = place(form, 0);
    form.needOperands(1, 1);
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            Mbarrier barrier = find(w, access, lane);
            if (more) {
              barrier.expectMore();
            } else if (barrier.open() < 1) {
              throw misuse(w, lane, "an arrival where none is expected");
            }
            barrier.arriveAfterCopies(w, lane);
          }
        };
  }

  private static MemoryUnit locate(Warp w, Access access, int lane) {
    MemoryUnit unit = w.block.run.unit;
    if (unit.locate(w, access, lane) != Space.SHARED) {
      throw misuse(w, lane, "an mbarrier outside shared memory");
    }
    return unit;
  }

  /** Finds a valid object: its initialisation must come before. */
  private static Mbarrier find(Warp w, Access access, int lane) {
    MemoryUnit unit = locate(w, access, lane);
    unit.checkInitialised(w, lane, BYTES);
    unit.checkRead(w, lane, BYTES, true);
    Mbarrier barrier = w.block.mbarriers.get(unit.at);
    if (barrier == null) {
      throw misuse(w, lane, "there is no valid mbarrier");
    }
    return barrier;
  }

  private static SimFault misuse(Warp w, int lane, String what) {
    return w.faultAt(SimFault.Kind.DIVERGENT_BARRIER, lane, 0, what);
  }
}
