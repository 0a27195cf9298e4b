package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Instr.BarrierOperands;
import java.util.Map;
import java.util.function.Consumer;

/** Barriers, fences, asynchronous copies and trap. */
final class SyncInstructions {
  private SyncInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    to.put("bar", SyncInstructions::barrier);
    to.put("barrier", SyncInstructions::barrier);
    to.put("membar", SyncInstructions::fence);
    to.put("fence", SyncInstructions::fence);
    to.put("cp", SyncInstructions::copy);
    to.put("trap", SyncInstructions::trap);
    to.put("brkpt", SyncInstructions::trap);
  }

  private static void trap(Form form) {
    form.needOperands(0, 0);
    form.instr.group = Instr.Group.CONTROL;
    form.instr.action =
        (w, m) -> {
          throw w.faultAt(
              SimFault.Kind.TRAP, Integer.numberOfTrailingZeros(m), 0, "the kernel trapped");
        };
  }

  private static void barrier(Form form) {
    form.instr.group = Instr.Group.SYNC;
    if (form.take("warp")) {
      if (!form.take("sync")) {
        throw form.refuse(".sync is missing");
      }
      form.instr.kind = Instr.Kind.WARP_SYNC;
      form.instr.meetsAnywhere = true;
      form.instr.memberMask = form.source(0, PtxType.B32);
      form.instr.action = (w, mask) -> w.clock.sync(mask, w.live);
      return;
    }
    form.take("cta");
    String what = form.takeOne("sync", "arrive", "red");
    boolean aligned = form.take("aligned") || form.base.equals("bar");
    form.instr.kind = Instr.Kind.BLOCK_BARRIER;
    if (what.equals("red")) {
      reduction(form, aligned);
      return;
    }
    form.needOperands(what.equals("arrive") ? 2 : 1, 2);
    int id = form.source(0, PtxType.U32);
    int threads = form.operands.size() > 1 ? form.source(1, PtxType.U32) : -1;
    form.instr.barrier =
        new BarrierOperands(id, threads, what.equals("sync"), aligned, "", 0, false);
  }

  private static void reduction(Form form, boolean aligned) {
    String how = form.takeOne("popc", "and", "or");
    boolean counts = how.equals("popc");
    form.type(counts ? PtxType.U32 : PtxType.PRED);
    form.needOperands(3, 4);
    int d = form.target(0, counts ? 32 : 1);
    int id = form.source(1, PtxType.U32);
    int threads = form.operands.size() == 4 ? form.source(2, PtxType.U32) : -1;
    Form.Predicate p = form.predicate(form.operands.size() - 1);
    form.instr.barrier =
        new BarrierOperands(id, threads, true, aligned, how, p.register(), p.negated());
    form.instr.action =
        (w, mask) -> {
          if (!counts) {
            boolean result = how.equals("and") ? w.barrierAnd : w.barrierOr;
            Lanes.predicate(w, d, mask, result ? -1 : 0);
            return;
          }
          for (int m = mask; m != 0; m &= m - 1) {
            w.r[d + Integer.numberOfTrailingZeros(m)] = w.barrierCount;
          }
        };
  }

  private static void fence(Form form) {
    form.instr.group = Instr.Group.SYNC;
    form.needOperands(0, 0);
    boolean device;
    if (form.base.equals("membar")) {
      device = !form.takeOne("gl", "cta", "sys").equals("cta");
    } else {
      form.takeAny("sc", "acq_rel");
      device = !LoadStore.scope(form).equals("cta");
    }
    form.instr.action = (w, m) -> w.clock.fence(device);
  }

  private static void copy(Form form) {
    if (!form.take("async")) {
      throw form.refuse(".async is missing");
    }
    if (form.take("mbarrier")) {
      MbarrierInstructions.arriveAfterCopies(form);
      return;
    }
    form.instr.group = Instr.Group.MEMORY;
    if (form.take("commit_group")) {
      form.instr.action = (w, m) -> w.copies.commit(m);
      return;
    }
    if (form.take("wait_all")) {
      form.instr.action = (w, m) -> w.copies.await(m, -1);
      return;
    }
    if (form.take("wait_group")) {
      if (!(form.operand(0) instanceof Operand.Literal n)) {
        throw form.refuse("a literal number of groups is expected");
      }
      int pending = (int) n.bits();
      form.instr.action = (w, m) -> w.copies.await(m, pending);
      return;
    }
    String cache = form.takeOne("ca", "cg");
    form.takeOne("shared", "shared::cta");
    form.takeOne("global");
    form.takeAny("L2::64B", "L2::128B", "L2::256B");
    form.needOperands(3, 4);
    if (!(form.operand(2) instanceof Operand.Literal literal)) {
      throw form.refuse("a literal size is expected");
    }
    int size = (int) literal.bits();
    if (size != 16 && (cache.equals("cg") || (size != 4 && size != 8))) {
      throw form.refuse(size + " bytes with ." + cache);
    }
    Access to = Access.of(form, form.address(0), Space.SHARED, size);
    Access from = Access.of(form, form.address(1), Space.GLOBAL, size);
    int have = form.operands.size() > 3 ? form.source(3, PtxType.U32) : form.code.constant(size);
    form.instr.action = (w, mask) -> start(w, mask, to, from, have, size);
  }

  private static void start(Warp w, int mask, Access to, Access from, int haveSlot, int size) {
    Counters counters = w.block.run.counters;
    MemoryUnit unit = w.block.run.unit;
    counters.begin();
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      int have = w.r[haveSlot + lane];
      if (have < 0 || have > size) {
        throw w.faultAt(
            SimFault.Kind.OUT_OF_BOUNDS, lane, 0, "a copy of " + size + " bytes from " + have);
      }
      byte[] source = w.block.shared.data;
      int at = 0;
      if (have > 0) {
        unit.locateBytes(w, from, lane, have);
        unit.checkBytesInitialised(w, lane, have);
        unit.checkRead(w, lane, have, false);
        counters.lane(unit, lane, Space.GLOBAL, have, false);
        source = unit.allocation.data;
        at = unit.at;
      }
      unit.locate(w, to, lane);
      unit.checkWrite(w, lane, size, false);
      LoadStore.markUnwritten(unit.allocation, unit.at, size);
      w.copies.start(lane, unit.at, source, at, have, size);
    }
    counters.end(size, false);
  }
}
