package dev.warpwright.softgpu.sim;

import static dev.warpwright.softgpu.sim.SimFault.Kind.ASYNC_NOT_WAITED;
import static dev.warpwright.softgpu.sim.SimFault.Kind.DEADLOCK;
import static dev.warpwright.softgpu.sim.SimFault.Kind.DIVERGENT_BARRIER;
import static dev.warpwright.softgpu.sim.SimFault.Kind.INACTIVE_LANE;
import static dev.warpwright.softgpu.sim.SimFault.Kind.MISALIGNED;
import static dev.warpwright.softgpu.sim.SimFault.Kind.OUT_OF_BOUNDS;
import static dev.warpwright.softgpu.sim.SimFault.Kind.RACE;
import static dev.warpwright.softgpu.sim.SimFault.Kind.UNINITIALISED;

import dev.warpwright.softgpu.sim.Mutants.Mutant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

/**
 * Mutants with a wrong index, bound or guard, or a store that is missing.
 *
 * <p>One that is known to survive: a store behind a local array that hits another variable in the
 * stack frame of the same thread ({@code [%rd34+32], %r55} in FEATURES). PTX declares the frame as
 * a whole, so that nothing tells its variables apart.
 */
final class IndexMutants {
  private final List<Mutant> found = new ArrayList<>();
  private Scenario scenario = Scenario.WARP_REDUCE;

  static List<Mutant> all() {
    IndexMutants mutants = new IndexMutants();
    mutants.reductions();
    mutants.matmul();
    mutants.mma();
    mutants.counting();
    mutants.scans();
    mutants.warps();
    return mutants.found;
  }

  private void add(
      String rule, String text, String replacement, SimFault.Kind first, SimFault.Kind... more) {
    addAt(rule, text, 0, replacement, first, more);
  }

  private void addAt(
      String rule,
      String text,
      int occurrence,
      String replacement,
      SimFault.Kind first,
      SimFault.Kind... more) {
    found.add(new Mutant(scenario, rule, text, occurrence, replacement, EnumSet.of(first, more)));
  }

  private void reductions() {
    add(
        "partial sum one too far",
        "[%r27], %f3",
        "[%r27+4], %f3",
        UNINITIALISED,
        OUT_OF_BOUNDS,
        RACE);
    add("partial sums never stored", "st.shared.f32 [%r27], %f3;", "", UNINITIALISED);
    add("reads between partial sums", "[%r30];", "[%r30+2];", MISALIGNED);
    add("output one too far", "[%rd8], %f6", "[%rd8+4], %f6", OUT_OF_BOUNDS, RACE);
    add("only some lanes reach the barrier", "bar.sync 0;", "@%p7 bar.sync 0;", DIVERGENT_BARRIER);
  }

  private void matmul() {
    scenario = Scenario.TILED_MATMUL;
    add(
        "barrier for half of the block",
        "bar.sync 0;",
        "bar.sync 0, 128;",
        DIVERGENT_BARRIER,
        RACE,
        DEADLOCK,
        ASYNC_NOT_WAITED,
        UNINITIALISED);
    add(
        "reads the tile that is being copied",
        "[%r74+960]",
        "[%r74+1024]",
        ASYNC_NOT_WAITED,
        RACE,
        UNINITIALISED,
        OUT_OF_BOUNDS);
    add("copies row k of B", "setp.lt.s32 %p16,", "setp.le.s32 %p16,", OUT_OF_BOUNDS);
    add("copies row m of A", "setp.lt.s32 %p5,", "setp.le.s32 %p5,", OUT_OF_BOUNDS);
    add("copies column n of B", "setp.lt.s32 %p8,", "setp.le.s32 %p8,", OUT_OF_BOUNDS);
    add("writes column n", "setp.ge.s32 %p21,", "setp.gt.s32 %p21,", RACE, OUT_OF_BOUNDS);
    add("writes between elements", "[%rd35], %f54", "[%rd35+2], %f54", MISALIGNED);
    addAt("later copies are never a group", "cp.async.commit_group;", 1, "", ASYNC_NOT_WAITED);
    add("copies between elements", "[%r38], [%rd37]", "[%r38+2], [%rd37]", MISALIGNED);
  }

  private void mma() {
    scenario = Scenario.MMA_GEMM;
    add(
        "A never stored",
        "st.shared.v4.u32 [%r6], {%r157, %r158, %r159, %r160};",
        "",
        UNINITIALISED);
    add(
        "B never stored",
        "st.shared.v4.u32 [%r7], {%r165, %r166, %r167, %r168};",
        "",
        UNINITIALISED);
    add(
        "fragment of B one row too far",
        "{%r178,%r179}, [%r3];",
        "{%r178,%r179}, [%r3+16];",
        OUT_OF_BOUNDS,
        UNINITIALISED,
        RACE);
    add("result between elements", "[%rd28], %f112", "[%rd28+2], %f112", MISALIGNED);
    add("result of the neighbour", "[%rd28+260], %f109", "[%rd28+264], %f109", RACE, OUT_OF_BOUNDS);
    add(
        "half the warp loads fragments",
        "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r178",
        "@%p9 ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r178",
        INACTIVE_LANE);
    add("reads beyond the row of A", "[%rd31];", "[%rd31+32];", OUT_OF_BOUNDS);
    add("reads beyond the row of B", "[%rd32];", "[%rd32+32];", OUT_OF_BOUNDS);
  }

  private void counting() {
    scenario = Scenario.HISTOGRAM;
    add("zeroes the next bin", "[%r2], %r10", "[%r2+4], %r10", OUT_OF_BOUNDS, UNINITIALISED);
    add("more threads than bins", "@%p1 bra $L__BB5_7;", "", OUT_OF_BOUNDS);
    addAt(
        "some threads skip the barrier",
        "bar.sync 0;",
        1,
        "@%p1 bar.sync 0;",
        DIVERGENT_BARRIER,
        RACE);
    add("publishes behind the bins", "[%rd8], %r20", "[%rd8+256], %r20", OUT_OF_BOUNDS);

    scenario = Scenario.COLLATZ;
    add("reads between elements", "[%rd6]", "[%rd6+1]", MISALIGNED);

    scenario = Scenario.COMPACT;
    add("reads x[n]", "setp.ge.s32 %p2,", "setp.gt.s32 %p2,", OUT_OF_BOUNDS);
    add("every lane takes places", "@%p6 bra $L__BB11_4;", "", OUT_OF_BOUNDS);
  }

  private void scans() {
    scenario = Scenario.SCAN;
    add("reads between elements", "[%r2+-4]", "[%r2+-2]", MISALIGNED);
    add("the last step begins too early", "%p7, %r1, 64;", "%p7, %r1, 63;", OUT_OF_BOUNDS);
    add("output one too far", "[%rd9], %r38", "[%rd9+4], %r38", OUT_OF_BOUNDS, RACE);
    add(
        "the last sum one too far",
        "[%r2+512], %r45",
        "[%r2+516], %r45",
        OUT_OF_BOUNDS,
        RACE,
        UNINITIALISED);

    scenario = Scenario.LAST_BLOCK;
    add("every thread takes a ticket", "@%p1 bra $L__BB8_2;", "", RACE);
    add("never stores the partial sum", "st.global.u32 [%rd16], %r152;", "", UNINITIALISED);
    add(
        "reads behind the partial sums",
        "ld.global.u32 %r170, [%rd20];",
        "ld.global.u32 %r170, [%rd20+24];",
        OUT_OF_BOUNDS);
  }

  private void warps() {
    scenario = Scenario.HALF_WARPS;
    add("reads one too far", "[%r29]", "[%r29+4]", OUT_OF_BOUNDS, RACE, UNINITIALISED);
    add("output one too far", "[%rd7], %r30", "[%rd7+4], %r30", OUT_OF_BOUNDS, RACE);

    scenario = Scenario.NAMED_BARRIERS;
    add("reads one too far", "%r26, [%r4]", "%r26, [%r4+4]", OUT_OF_BOUNDS);
    add("nothing is produced", "st.shared.u32 [%r3], %r27;", "", UNINITIALISED);
    add(
        "waits for too few",
        "bar.sync 2, 64;",
        "bar.sync 2, 32;",
        DIVERGENT_BARRIER,
        DEADLOCK,
        RACE);

    scenario = Scenario.FEATURES;
    add("local vector between elements", "[%rd2+16], {", "[%rd2+20], {", MISALIGNED);
    add("reads behind dynamic shared memory", "[%r79]", "[%r79+256]", OUT_OF_BOUNDS);
  }
}
