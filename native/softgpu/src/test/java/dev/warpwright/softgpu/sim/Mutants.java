package dev.warpwright.softgpu.sim;

import static dev.warpwright.softgpu.sim.SimFault.Kind.ASYNC_NOT_WAITED;
import static dev.warpwright.softgpu.sim.SimFault.Kind.BUDGET;
import static dev.warpwright.softgpu.sim.SimFault.Kind.DEADLOCK;
import static dev.warpwright.softgpu.sim.SimFault.Kind.DIVERGENT_BARRIER;
import static dev.warpwright.softgpu.sim.SimFault.Kind.INACTIVE_LANE;
import static dev.warpwright.softgpu.sim.SimFault.Kind.MISALIGNED;
import static dev.warpwright.softgpu.sim.SimFault.Kind.OUT_OF_BOUNDS;
import static dev.warpwright.softgpu.sim.SimFault.Kind.RACE;
import static dev.warpwright.softgpu.sim.SimFault.Kind.UNINITIALISED;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Good kernels with one change each that breaks a rule of the CUDA model. */
final class Mutants {
  /**
   * A changed kernel.
   *
   * @param scenario the good kernel
   * @param rule what the change breaks
   * @param text part of the PTX text that is replaced; blanks match any white space
   * @param occurrence which one in the kernel, from 0
   * @param replacement what stands there instead
   * @param kinds reports that name the mistake
   */
  record Mutant(
      Scenario scenario,
      String rule,
      String text,
      int occurrence,
      String replacement,
      Set<SimFault.Kind> kinds) {
    @Override
    public String toString() {
      return scenario + " #" + occurrence + " '" + text + "' -> '" + replacement + "': " + rule;
    }
  }

  private final List<Mutant> found = new ArrayList<>();
  private Scenario scenario = Scenario.TREE_REDUCE;

  static List<Mutant> all() {
    Mutants mutants = new Mutants();
    mutants.reductions();
    mutants.matrices();
    mutants.histogramAndLoops();
    mutants.scanAndLastBlock();
    mutants.warps();
    mutants.barriers();
    mutants.found.addAll(IndexMutants.all());
    return mutants.found;
  }

  private void add(
      String rule,
      String text,
      int occurrence,
      String replacement,
      SimFault.Kind first,
      SimFault.Kind... more) {
    found.add(new Mutant(scenario, rule, text, occurrence, replacement, EnumSet.of(first, more)));
  }

  private void reductions() {
    scenario = Scenario.TREE_REDUCE;
    for (int i = 0; i < 8; i++) {
      add("a step without barrier, #" + i, "bar.sync 0;", i, "", RACE, UNINITIALISED);
    }
    add("reads one element too many", "setp.lt.s32 %p2,", 0, "setp.le.s32 %p2,", OUT_OF_BOUNDS);
    add("partner one too far", "[%r6+512]", 0, "[%r6+516]", OUT_OF_BOUNDS, RACE);
    add("shared memory never written", "st.shared.f32 [%r6], %f33;", 0, "", UNINITIALISED);
    add("output one too far", "[%rd8], %f31", 0, "[%rd8+4], %f31", OUT_OF_BOUNDS);
    add("address between elements", "[%r6+256]", 0, "[%r6+258]", MISALIGNED);
    add("lanes skip a barrier", "bar.sync 0;", 8, "@%p10 bar.sync 0;", DIVERGENT_BARRIER);
    add("lanes leave before a barrier", "@%p7 bra $L__BB1_13;", 0, "@%p7 ret;", DIVERGENT_BARRIER);

    scenario = Scenario.WARP_REDUCE;
    add("partial sums without barrier", "bar.sync 0;", 0, "", RACE, UNINITIALISED);
    add("mask without lane 31", "mov.u32 %r11, -1;", 0, "mov.u32 %r11, 2147483647;", INACTIVE_LANE);
    add("lanes skip a shuffle", "shfl.sync.down", 0, "@%p9 shfl.sync.down", INACTIVE_LANE);
    add(
        "lanes leave before a shuffle",
        "@%p1 bra $L__BB2_2;",
        0,
        "@%p1 ret;",
        INACTIVE_LANE,
        DIVERGENT_BARRIER);
    add("reads five partial sums", "%p9, %r2, 3;", 0, "%p9, %r2, 4;", OUT_OF_BOUNDS);
    add("reads x[n]", "setp.ge.s32 %p1,", 0, "setp.gt.s32 %p1,", OUT_OF_BOUNDS);
  }

  private void matrices() {
    scenario = Scenario.TILED_MATMUL;
    add("copies never awaited", "cp.async.wait_group 1;", 0, "", ASYNC_NOT_WAITED);
    add(
        "awaits one group too few",
        "cp.async.wait_group 1;",
        0,
        "cp.async.wait_group 2;",
        ASYNC_NOT_WAITED);
    add("no barrier after the wait", "bar.sync 0;", 0, "", RACE, ASYNC_NOT_WAITED, UNINITIALISED);
    add("no barrier before the next copy", "bar.sync 0;", 1, "", RACE, ASYNC_NOT_WAITED);
    add(
        "first copies share a group with the second",
        "cp.async.commit_group;",
        0,
        "",
        ASYNC_NOT_WAITED);
    add("copies beyond the row", "setp.lt.s32 %p14,", 0, "setp.le.s32 %p14,", OUT_OF_BOUNDS);
    add("writes row m", "setp.ge.s32 %p20,", 0, "setp.gt.s32 %p20,", OUT_OF_BOUNDS);

    scenario = Scenario.MMA_GEMM;
    add("fragments read before they are stored", "bar.warp.sync -1;", 8, "", RACE, UNINITIALISED);
    add("tile overwritten while it is read", "bar.warp.sync -1;", 9, "", RACE);
    add("row address off by 8 bytes", "%r176}, [%r2]", 0, "%r176}, [%r2+8]", MISALIGNED);
    add("a row of B never stored", "%p9, %r1, 15;", 0, "%p9, %r1, 14;", UNINITIALISED);
    add("A stored one chunk too far", "[%r6], {%r157", 0, "[%r6+16], {%r157", UNINITIALISED, RACE);
    add("vector load between elements", "[%rd31]", 0, "[%rd31+2]", MISALIGNED);
    add("mma without half the warp", "mma.sync", 4, "@%p9 mma.sync", INACTIVE_LANE);
  }

  private void histogramAndLoops() {
    scenario = Scenario.HISTOGRAM;
    add("counts before the bins are zero", "bar.sync 0;", 0, "", RACE, UNINITIALISED);
    add("publishes before all have counted", "bar.sync 0;", 1, "", RACE);
    add(
        "counts without atomics",
        "atom.shared.add.u32 %r19, [%r18], 1;",
        0,
        "ld.shared.u32 %r19, [%r18]; add.u32 %r19, %r19, 1; st.shared.u32 [%r18], %r19;",
        RACE);
    add(
        "publishes without atomics",
        "atom.global.add.u32 %r21, [%rd8], %r20;",
        0,
        "ld.global.u32 %r21, [%rd8]; add.u32 %r21, %r21, %r20; st.global.u32 [%rd8], %r21;",
        RACE);
    add("last bin not zeroed", "%p1, %r1, 63;", 0, "%p1, %r1, 62;", UNINITIALISED);
    add("bins not zeroed", "st.shared.u32 [%r2], %r10;", 0, "", UNINITIALISED);
    add("reads x[n]", "setp.lt.s32 %p3,", 0, "setp.le.s32 %p3,", OUT_OF_BOUNDS);

    scenario = Scenario.COLLATZ;
    add("reads x[n]", "setp.ge.s32 %p1,", 0, "setp.gt.s32 %p1,", OUT_OF_BOUNDS);
    add("loop without end", "@%p6 bra $L__BB6_3;", 0, "bra $L__BB6_3;", BUDGET);
    add("output one too far", "[%rd9], %r19", 0, "[%rd9+4], %r19", OUT_OF_BOUNDS);
  }

  private void scanAndLastBlock() {
    scenario = Scenario.SCAN;
    for (int i = 0; i < 7; i++) {
      add("a step without barrier, #" + i, "bar.sync 0;", i, "", RACE, UNINITIALISED);
    }
    add("reads s[-1]", "%p1, %r1, 1;", 0, "%p1, %r1, 0;", OUT_OF_BOUNDS);
    add(
        "one buffer only",
        "st.shared.u32 [%r2+512], %r39;",
        0,
        "st.shared.u32 [%r2], %r39;",
        RACE,
        UNINITIALISED);

    scenario = Scenario.LAST_BLOCK;
    add("no fence before the ticket", "membar.gl;", 0, "", RACE);
    add("sums before all have stored", "bar.sync 0;", 0, "", RACE, UNINITIALISED);
    add("reads the flag too early", "bar.sync 0;", 1, "", RACE, UNINITIALISED);
    add(
        "ticket without atomics",
        "atom.global.add.u32 %r153, [%rd14], 1;",
        0,
        "ld.global.u32 %r153, [%rd14]; add.u32 %r153, %r153, 1; st.global.u32 [%rd14], %r153;",
        RACE);
    add(
        "partial sum one too far",
        "[%rd16], %r152",
        0,
        "[%rd16+4], %r152",
        OUT_OF_BOUNDS,
        UNINITIALISED);
  }

  private void warps() {
    scenario = Scenario.WARP_EXCHANGE;
    for (int i = 0; i < 3; i++) {
      add("no warp barrier, #" + i, "bar.warp.sync -1;", i, "", RACE, UNINITIALISED);
    }
    add("barrier of half the warp", "bar.warp.sync -1;", 0, "bar.warp.sync 65535;", INACTIVE_LANE);

    scenario = Scenario.HALF_WARPS;
    add("no warp barrier", "bar.warp.sync %r2;", 0, "", RACE, UNINITIALISED);
    add("mask without lane 15", "65535, -65536", 0, "32767, -65536", INACTIVE_LANE);
    add("shared memory never written", "st.shared.u32 [%r23], %r20;", 0, "", UNINITIALISED);
    add(
        "shuffle leaves the half",
        "mov.u32 %r9, 8;",
        0,
        "mov.u32 %r9, 16; mov.u32 %r8, 31;",
        INACTIVE_LANE);

    scenario = Scenario.COMPACT;
    add("mask of half the warp", "mov.u32 %r12, -1;", 0, "mov.u32 %r12, 65535;", INACTIVE_LANE);
    add("lanes leave before the vote", "@%p2 bra $L__BB11_2;", 0, "@%p2 ret;", INACTIVE_LANE);
    add(
        "place without atomics",
        "atom.global.add.u32 %r28, [%rd7], %r15;",
        0,
        "ld.global.u32 %r28, [%rd7]; add.u32 %r14, %r28, %r15; st.global.u32 [%rd7], %r14;",
        RACE);
    add("writes what is not kept", "@%p7 bra $L__BB11_6;", 0, "", OUT_OF_BOUNDS, RACE);
  }

  private void barriers() {
    scenario = Scenario.NAMED_BARRIERS;
    add("nobody says that data is there", "bar.arrive 1, 64;", 0, "", DEADLOCK, RACE);
    add("consumer does not wait", "bar.sync 1, 64;", 0, "", RACE, UNINITIALISED, DEADLOCK);
    add("producer does not wait", "bar.sync 2, 64;", 0, "", RACE, DEADLOCK);
    add("nobody says that data was read", "bar.arrive 2, 64;", 0, "", DEADLOCK, RACE);
    add("waits at another barrier", "bar.sync 1, 64;", 0, "bar.sync 3, 64;", DEADLOCK);
    add(
        "barrier for another number of threads",
        "bar.arrive 1, 64;",
        0,
        "bar.arrive 1, 32;",
        DIVERGENT_BARRIER,
        RACE,
        UNINITIALISED,
        DEADLOCK);

    scenario = Scenario.FEATURES;
    add("local memory never written", "st.local.v4.u32 [%rd2],", 0, "// ", UNINITIALISED);
    add(
        "barrier in divergent code",
        "bar.red.or.pred",
        0,
        "@%p6 bar.red.or.pred",
        DIVERGENT_BARRIER);
  }
}
