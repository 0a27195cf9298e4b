package dev.warpwright.softgpu.sim;

import java.util.ArrayList;
import java.util.List;

/**
 * An mbarrier object in shared memory. A phase ends when as many arrivals were counted as it was
 * made for; whoever sees that comes after all that the arriving lanes did before.
 */
final class Mbarrier {
  static final int MOST = (1 << 20) - 1;

  private static final int COUNT_BITS = 20;

  /** An arrival when the copies that a lane has started are done. */
  private record Delivery(Warp warp, int lane, int before) {}

  private final Block block;
  private int expected;
  private int pending;
  private int phase;
  private final List<Delivery> deliveries = new ArrayList<>();

  /** What arriving warps know, of this phase and of those that have ended. */
  private Knowledge arriving = new Knowledge();

  private final Knowledge arrived = new Knowledge();

  /** Ticks of lanes when they arrived, by warp and lane. */
  private final int[] arrivingLanes;

  private int[] arrivedLanes;

  Mbarrier(Block block, int expected) {
    this.block = block;
    this.expected = expected;
    pending = expected;
    arrivingLanes = new int[block.warps.length * Warp.LANES];
    arrivedLanes = arrivingLanes;
  }

  /** What arrive returns: the phase, and the arrivals that it still waits for. */
  long state() {
    return (long) phase << COUNT_BITS | pending;
  }

  static int pending(long state) {
    return (int) state & MOST;
  }

  static int phase(long state) {
    return (int) (state >>> COUNT_BITS);
  }

  /** Arrivals that may still come in this phase. */
  int open() {
    return pending - deliveries.size();
  }

  int phase() {
    return phase;
  }

  /** The following phases have fewer arrivals, and this one too if they arrive now. */
  void drop(int count) {
    expected -= count;
  }

  /** One arrival more in this phase. */
  void expectMore() {
    pending++;
  }

  /** A lane arrives; what its warp did before its last fence is published. */
  void arrive(Warp warp, int lane, int count) {
    Publishing.release(warp, arriving);
    arrivingLanes[warp.id * Warp.LANES + lane] = warp.clock.blockFence;
    pending -= count;
    endPhaseIfComplete();
  }

  /** The arrival comes when the lane's copies have landed. */
  void arriveAfterCopies(Warp warp, int lane) {
    int before = warp.copies.handOver(lane);
    warp.clock.fence(false);
    Publishing.release(warp, arriving);
    arrivingLanes[warp.id * Warp.LANES + lane] = warp.clock.blockFence;
    deliveries.add(new Delivery(warp, lane, before));
  }

  /** Copies are as late as they can be: they land when somebody looks and all else is there. */
  void look() {
    if (!deliveries.isEmpty() && deliveries.size() == pending) {
      for (Delivery delivery : deliveries) {
        delivery.warp.copies.land(delivery.lane, delivery.before);
      }
      pending = 0;
      deliveries.clear();
      endPhaseIfComplete();
    }
  }

  private void endPhaseIfComplete() {
    if (pending == 0 && deliveries.isEmpty()) {
      phase++;
      pending = expected;
      arrived.join(arriving);
      arriving = new Knowledge();
      arrivedLanes = arrivingLanes.clone();
    }
  }

  /** A lane has seen that a phase has ended. */
  void acquire(Warp warp, int lane) {
    if (!block.run.checkRaces) {
      return;
    }
    Publishing.acquire(warp, arrived);
    for (int other = 0; other < Warp.LANES; other++) {
      int before = arrivedLanes[warp.id * Warp.LANES + other];
      if (before > 0) {
        warp.clock.learnLane(lane, other, before);
      }
    }
  }
}
