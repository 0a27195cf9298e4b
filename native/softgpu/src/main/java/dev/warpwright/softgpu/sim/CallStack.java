package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The calls with frames that the lanes of a warp are in. */
final class CallStack {
  /** A call of one lane, with what the callee's registers held before. */
  private static final class Activation {
    final Callee callee;
    final CallSite site;

    /** Where its frame begins in the lane's local memory. */
    final int frame;

    final @Nullable Activation caller;
    private final int[] narrow;
    private final long[] wide;
    private final int[] predicates;

    Activation(
        Callee callee, CallSite site, int frame, Warp warp, int lane, @Nullable Activation caller) {
      this.callee = callee;
      this.site = site;
      this.frame = frame;
      this.caller = caller;
      narrow = new int[callee.narrow.count()];
      wide = new long[callee.wide.count()];
      for (int i = 0; i < narrow.length; i++) {
        narrow[i] = warp.r[callee.narrow.slot(i) + lane];
      }
      for (int i = 0; i < wide.length; i++) {
        wide[i] = warp.q[callee.wide.slot(i) + lane];
      }
      predicates = Arrays.copyOfRange(warp.p, callee.predicates.from(), callee.predicates.to());
    }

    void restore(Warp warp, int lane) {
      for (int i = 0; i < narrow.length; i++) {
        warp.r[callee.narrow.slot(i) + lane] = narrow[i];
      }
      for (int i = 0; i < wide.length; i++) {
        warp.q[callee.wide.slot(i) + lane] = wide[i];
      }
      for (int i = 0; i < predicates.length; i++) {
        Lanes.predicate(warp, callee.predicates.from() + i, 1 << lane, predicates[i]);
      }
    }
  }

  private final Warp warp;
  private final @Nullable Activation[] top = new Activation[Warp.LANES];

  CallStack(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    Arrays.fill(top, null);
  }

  /** Enters the function that an address points at. */
  int enter(int lane, long address, CallSite site) {
    Callee callee = warp.code.callees().get(address);
    if (callee == null || !site.fits(callee)) {
      throw warp.faultAt(
          SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          "a call of 0x"
              + Long.toHexString(address)
              + (callee == null
                  ? ", which is no function"
                  : " = " + callee.function.name() + ", which has other parameters"));
    }
    return enter(lane, callee, site);
  }

  /** Enters a function; returns where the lane goes on. */
  int enter(int lane, Callee callee, CallSite site) {
    Activation caller = top[lane];
    int frame = caller == null ? warp.code.stackStart() : caller.frame + caller.callee.frameBytes();
    if (frame + callee.frameBytes() > warp.code.localBytes()) {
      throw warp.faultAt(
          SimFault.Kind.STACK_OVERFLOW,
          lane,
          0,
          "calls of " + callee.function.name() + " fill the stack of the thread");
    }
    Activation entered = new Activation(callee, site, frame, warp, lane, caller);
    warp.local.forget(inLane(lane, frame), callee.frameBytes());
    for (int i = 0; i < callee.parameters.length; i++) {
      int from = (int) site.arguments().get(i).address(warp, lane);
      copy(lane, from, frame + callee.parameters[i], site.argumentBytes().get(i));
    }
    for (Callee.Place place : callee.places()) {
      warp.q[place.slot() + lane] = frame + place.offset();
    }
    top[lane] = entered;
    return callee.start;
  }

  /** Goes back to the caller; returns where the lane goes on. */
  int leave(int lane) {
    Activation left = Objects.requireNonNull(top[lane]);
    left.restore(warp, lane);
    top[lane] = left.caller;
    CallSite site = left.site;
    for (int i = 0; i < left.callee.results.length; i++) {
      int to = (int) site.results().get(i).address(warp, lane);
      copy(lane, left.frame + left.callee.results[i], to, site.resultBytes().get(i));
    }
    return site.instr().index + 1;
  }

  private int inLane(int lane, int offset) {
    return lane * warp.code.localBytes() + offset;
  }

  private void copy(int lane, int from, int to, long bytes) {
    warp.local.copy(inLane(lane, from), inLane(lane, to), (int) bytes);
  }
}
