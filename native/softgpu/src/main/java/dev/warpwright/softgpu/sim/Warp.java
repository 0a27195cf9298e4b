package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Instr.Kind;
import java.util.Arrays;

/**
 * A warp: registers, and its live lanes in groups that stand at the same instruction. The group at
 * the lowest instruction usually runs, so that lanes meet again; now and then another one does.
 */
final class Warp {
  static final int LANES = 32;

  private static final int RUNNING = 0;
  private static final int AT_SYNC = 1;
  private static final int AT_BARRIER = 2;

  final Block block;
  final Code code;
  final int id;
  final int[] r;
  final long[] q;
  final int[] p;

  /** Lanes whose last {@code .cc} instruction left a carry or borrow. */
  int carry;

  final Allocation local;
  final AsyncCopies copies;
  final CallStack calls = new CallStack(this);
  Clock clock;

  /** The instruction being executed. */
  Instr current;

  /** Lanes that exist: fewer than 32 in the last warp of some blocks. */
  final int existing;

  int live;

  /** For {@code %clock}. */
  long ticks;

  private final int[] pcs = new int[LANES + 1];
  private final int[] masks = new int[LANES + 1];
  private final int[] states = new int[LANES + 1];
  private int groups;
  private int blockedAt = -1;

  Warp(Block block, int id) {
    this.block = block;
    this.id = id;
    code = block.run.code;
    r = new int[code.narrow().length];
    q = new long[code.wide().length];
    p = new int[code.predicates() + 1];
    local = new Allocation(0, code.localBytes() * LANES, "local memory");
    copies = new AsyncCopies(this);
    clock = new Clock(id, block.warps.length);
    int threads = block.run.launch.threads() - id * LANES;
    existing = threads >= LANES ? -1 : (1 << threads) - 1;
    current = code.instructions()[code.entry()];
  }

  void start() {
    System.arraycopy(code.narrow(), 0, r, 0, r.length);
    System.arraycopy(code.wide(), 0, q, 0, q.length);
    Arrays.fill(local.initialised, (byte) 0);
    SpecialRegisters.fill(this);
    clock = new Clock(id, block.warps.length);
    copies.clear();
    calls.clear();
    live = existing;
    groups = 1;
    pcs[0] = code.entry();
    masks[0] = existing;
    states[0] = RUNNING;
    blockedAt = -1;
  }

  boolean isDone() {
    return groups == 0;
  }

  boolean isBlocked() {
    return blockedAt >= 0;
  }

  void blockAt(int barrier) {
    blockedAt = barrier;
  }

  int liveLane() {
    return Integer.numberOfTrailingZeros(live);
  }

  String place() {
    Instr at = code.instructions()[pcs[0]];
    return (at.source.isEmpty() ? "" : at.source + ", ") + "PTX line " + at.line;
  }

  /** Runs until it waits at a block barrier, ends, or has had its share. */
  void run(int share) {
    long before = ticks;
    long until = ticks + share;
    while (groups > 0 && blockedAt < 0 && ticks < until) {
      int group = pick();
      if (group < 0) {
        resolve();
      } else {
        runGroup(group, until);
      }
    }
    if (block.run.spend(ticks - before)) {
      throw faultAt(
          SimFault.Kind.BUDGET, Math.min(31, liveLane()), 0, "more instructions than the budget");
    }
    if (groups == 0) {
      block.ended();
    }
  }

  private int pick() {
    int best = -1;
    if (groups > 1 && block.run.random(8) == 0) {
      int any = block.run.random(groups);
      best = states[any] == RUNNING ? any : -1;
    }
    for (int g = 0; best < 0 && g < groups; g++) {
      best = states[g] == RUNNING ? g : -1;
      for (int h = g + 1; best >= 0 && h < groups; h++) {
        if (states[h] == RUNNING && pcs[h] < pcs[best]) {
          best = h;
        }
      }
    }
    return best < 0 ? best : merge(best);
  }

  /** Joins all groups at the same instruction. */
  private int merge(int into) {
    int group = into;
    for (int g = groups - 1; g >= 0; g--) {
      if (g != group && pcs[g] == pcs[group] && states[g] != AT_BARRIER) {
        masks[group] |= masks[g];
        group = remove(g, group);
      }
    }
    return group;
  }

  /** Removes a group; the last one takes its place. Returns where the kept one is now. */
  private int remove(int gone, int kept) {
    groups--;
    pcs[gone] = pcs[groups];
    masks[gone] = masks[groups];
    states[gone] = states[groups];
    return kept == groups ? gone : kept;
  }

  private void add(int pc, int mask) {
    pcs[groups] = pc;
    masks[groups] = mask;
    states[groups++] = RUNNING;
  }

  private void runGroup(int group, long until) {
    Instr[] instructions = code.instructions();
    Counters counters = block.run.counters;
    int pc = pcs[group];
    int mask = masks[group];
    int stop = Integer.MAX_VALUE;
    for (int g = 0; g < groups; g++) {
      if (pcs[g] > pc && pcs[g] < stop) {
        stop = pcs[g];
      }
    }
    while (pc != stop) {
      Instr instr = instructions[pc];
      current = instr;
      int active = mask;
      if (instr.guard >= 0) {
        active &= instr.negated ? ~p[instr.guard] : p[instr.guard];
      }
      ticks++;
      counters.groups[instr.group.index]++;
      counters.laneInstructions += Integer.bitCount(active);
      if (instr.kind == Kind.PLAIN) {
        if (active != 0) {
          instr.action.run(this, active);
        }
        pc++;
        continue;
      }
      if (active == 0) {
        pc++;
        continue;
      }
      if (instr.kind == Kind.EXIT) {
        live &= ~active;
        if (active == mask) {
          remove(group, group);
          return;
        }
        mask &= ~active;
        masks[group] = mask;
        pc++;
        continue;
      }
      if (instr.kind == Kind.JUMP) {
        jump(group, pc, instr, active);
        return;
      }
      pcs[group] = pc;
      if (active != mask) {
        if (instr.kind == Kind.BRANCH) {
          counters.divergentBranches++;
          masks[group] = active;
          pcs[group] = instr.target;
        } else {
          if (instr.kind == Kind.BLOCK_BARRIER && instr.barrier.aligned() && block.run.checkSync) {
            throw faultAt(
                SimFault.Kind.DIVERGENT_BARRIER,
                Integer.numberOfTrailingZeros(active),
                0,
                "lanes " + WarpSync.hex(mask & ~active) + " of the warp skip the barrier");
          }
          masks[group] = active;
        }
        add(pc + 1, mask & ~active);
        return;
      }
      if (instr.kind == Kind.BRANCH) {
        pc = instr.target;
        if (groups > 1 || ticks >= until) {
          pcs[group] = pc;
          return;
        }
        continue;
      }
      if (instr.kind == Kind.BLOCK_BARRIER) {
        states[group] = AT_BARRIER;
        return;
      }
      int done = WarpSync.execute(this, instr, active);
      if (done == active) {
        counters.warpSyncs++;
        pc++;
        continue;
      }
      if (done == 0) { // it waits, and is counted when it has met the others
        counters.groups[instr.group.index]--;
        counters.laneInstructions -= Integer.bitCount(active);
      } else {
        counters.warpSyncs++;
        masks[group] = active & ~done;
        add(pc + 1, done);
      }
      states[group] = AT_SYNC;
      return;
    }
    pcs[group] = pc;
  }

  /** Sends each active lane where it goes; lanes with one destination stay together. */
  private void jump(int group, int pc, Instr instr, int active) {
    int[] to = block.run.lanes;
    for (int m = active; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      to[lane] = instr.destination.of(this, lane);
    }
    int before = groups;
    int stay = masks[group] & ~active;
    remove(group, group);
    if (stay != 0) {
      add(pc + 1, stay);
    }
    for (int left = active; left != 0; ) {
      int target = to[Integer.numberOfTrailingZeros(left)];
      int same = Lanes.lanes(left, lane -> to[lane] == target);
      add(target, same);
      left &= ~same;
    }
    if (groups > before) {
      block.run.counters.divergentBranches++;
    }
  }

  /** No group can run: lets meeting lanes pass, brings the warp to a block barrier, or fails. */
  private void resolve() {
    int barrierLanes = 0;
    for (int g = 0; g < groups; g++) {
      barrierLanes |= states[g] == AT_BARRIER ? masks[g] : 0;
    }
    if (barrierLanes == live) {
      arrive();
      return;
    }
    int meeting = WarpSync.meet(this, groups, pcs, masks);
    if (meeting != 0) {
      for (int g = groups - 1; g >= 0; g--) {
        int passing = states[g] == AT_SYNC ? masks[g] & meeting : 0;
        if (passing != 0) {
          masks[g] &= ~passing;
          add(pcs[g] + 1, passing);
          if (masks[g] == 0) {
            remove(g, g);
          }
        }
      }
      return;
    }
    throw WarpSync.stuck(this, groups, pcs, masks);
  }

  private void arrive() {
    Instr first = code.instructions()[pcs[0]];
    current = first;
    int lane = Integer.numberOfTrailingZeros(masks[0]);
    if (first.barrier.aligned() && live != existing && block.run.checkSync) {
      throw faultAt(
          SimFault.Kind.DIVERGENT_BARRIER,
          lane,
          0,
          "lanes "
              + WarpSync.hex(existing & ~live)
              + " of the warp have exited before the barrier");
    }
    for (int g = 1; g < groups; g++) {
      Instr other = code.instructions()[pcs[g]];
      boolean apart = pcs[g] != pcs[0] && (first.barrier.aligned() || other.barrier.aligned());
      if (apart && block.run.checkSync) {
        throw faultAt(
            SimFault.Kind.DIVERGENT_BARRIER,
            lane,
            0,
            "lanes "
                + WarpSync.hex(masks[g])
                + " of the warp wait at another barrier: "
                + other.source
                + ", PTX line "
                + other.line);
      }
    }
    int id = r[first.barrier.id() + lane];
    int values = 0;
    for (int g = 0; g < groups; g++) {
      Instr.BarrierOperands operands = code.instructions()[pcs[g]].barrier;
      for (int m = masks[g]; m != 0; m &= m - 1) {
        int other = Integer.numberOfTrailingZeros(m);
        if (r[operands.id() + other] != id) {
          throw faultAt(
              SimFault.Kind.DIVERGENT_BARRIER,
              other,
              0,
              "barrier " + r[operands.id() + other] + ", where lane " + lane + " waits at " + id);
        }
      }
      values |= operands.values(this) & masks[g];
    }
    block.run.counters.barriers++;
    if (!first.barrier.waits()) {
      for (int g = 0; g < groups; g++) {
        states[g] = RUNNING;
        pcs[g]++;
      }
      current = first;
    }
    block.arrive(this, first, id, live, values);
  }

  /** The block barrier is complete. */
  void release(int count, boolean and, boolean or) {
    blockedAt = -1;
    for (int g = 0; g < groups; g++) {
      Instr instr = code.instructions()[pcs[g]];
      current = instr;
      barrierCount = count;
      barrierAnd = and;
      barrierOr = or;
      instr.action.run(this, masks[g]);
      pcs[g]++;
      states[g] = RUNNING;
    }
  }

  /** Results of the barrier just released. */
  int barrierCount;

  boolean barrierAnd;
  boolean barrierOr;

  SimFault faultAt(SimFault.Kind kind, int lane, long address, String message) {
    return new SimFault(kind, site(current, id, lane), address, message);
  }

  private SimFault.Site site(Instr at, int warp, int lane) {
    return new SimFault.Site(
        code.name(), blockPlace(block.index), threadPlace(warp, lane), at.source, at.line, at.text);
  }

  String blockPlace(int index) {
    Launch l = block.run.launch;
    return index % l.gridX()
        + ", "
        + index / l.gridX() % l.gridY()
        + ", "
        + index / l.gridX() / l.gridY();
  }

  String threadPlace(int warp, int lane) {
    Launch l = block.run.launch;
    int thread = warp * LANES + lane;
    return thread % l.blockX()
        + ", "
        + thread / l.blockX() % l.blockY()
        + ", "
        + thread / l.blockX() / l.blockY();
  }

  /** Source position of an instruction, for the other party of a race. */
  String sourceOf(int index) {
    Instr instr = code.instructions()[Math.min(index, code.instructions().length - 1)];
    return (instr.source.isEmpty() ? "" : instr.source + ", ")
        + "PTX line "
        + instr.line
        + " `"
        + instr.text
        + "`";
  }
}
