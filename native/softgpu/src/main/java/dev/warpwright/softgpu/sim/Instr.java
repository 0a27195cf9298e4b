package dev.warpwright.softgpu.sim;

/** A decoded instruction. */
final class Instr {
  /** What an instruction does to the lanes of a warp. */
  @FunctionalInterface
  interface Action {
    void run(Warp warp, int mask);
  }

  /** Where a lane goes on. */
  @FunctionalInterface
  interface Destination {
    int of(Warp warp, int lane);
  }

  /** How the warp's loop treats it. */
  enum Kind {
    PLAIN,
    BRANCH,
    /** Sends each lane where its {@link Destination} says. */
    JUMP,
    EXIT,
    /** Waits for the lanes that a mask names. */
    WARP_SYNC,
    BLOCK_BARRIER
  }

  /** Classes that are counted. */
  enum Group {
    INTEGER(0),
    FLOAT(1),
    MEMORY(2),
    CONTROL(3),
    SYNC(4),
    TENSOR(5);

    static final int COUNT = 6;

    /** Place among the counters. */
    final int index;

    Group(int index) {
      this.index = index;
    }
  }

  static final Action NOTHING = (warp, mask) -> {};

  Kind kind = Kind.PLAIN;
  Group group = Group.INTEGER;
  Action action = NOTHING;

  /** Predicate register, or -1. */
  int guard = -1;

  boolean negated;

  /** Of a branch. */
  int target;

  /** Of a jump. */
  Destination destination = (warp, lane) -> 0;

  /** Register that holds the member mask of a warp-wide instruction. */
  int memberMask;

  /** Whether different instructions may meet: bar.warp.sync. */
  boolean meetsAnywhere;

  /** Of a block barrier. */
  BarrierOperands barrier = BarrierOperands.NONE;

  /** Place in the code. */
  int index;

  int line;
  String source = "";
  String text = "";

  /**
   * Operands of a block barrier.
   *
   * @param id register with the number of the barrier
   * @param threads register with the number of threads, or -1 for all
   * @param waits false for bar.arrive
   * @param aligned whether all lanes of the warp must meet at this instruction
   * @param reduction popc, and, or; empty without
   * @param predicate source predicate of a reduction
   * @param negatedPredicate whether it is inverted
   */
  record BarrierOperands(
      int id,
      int threads,
      boolean waits,
      boolean aligned,
      String reduction,
      int predicate,
      boolean negatedPredicate) {
    /** Lanes whose predicate holds. */
    int values(Warp warp) {
      int p = warp.p[predicate];
      return reduction.isEmpty() ? 0 : negatedPredicate ? ~p : p;
    }

    static final BarrierOperands NONE = new BarrierOperands(0, -1, true, true, "", 0, false);
  }
}
