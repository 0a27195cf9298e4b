package dev.warpwright.kernels;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Plans of one device, shared by all who need the same spec: a decoder's layers have the same
 * shapes, and one workspace serves them all. A shared plan is closed with its last lease.
 */
public final class PlanCache {
  private final KernelDevice device;
  private final Map<KernelSpec, Entry> entries = new HashMap<>();

  private static final class Entry {
    final KernelPlan plan;
    final ReentrantLock lock = new ReentrantLock();
    int leases;

    Entry(KernelPlan plan) {
      this.plan = plan;
    }
  }

  /** An empty cache of plans of {@code device}. */
  public PlanCache(KernelDevice device) {
    this.device = Checks.notNull("device", device);
  }

  /** The device that the plans are of. */
  public KernelDevice device() {
    return device;
  }

  /**
   * A lease on the plan for {@code spec}, which is made if nobody holds one.
   *
   * @param type class of the plan
   * @param spec what the plan is for; equal specs share one plan
   * @param make makes the plan
   */
  public synchronized <P extends KernelPlan> Lease<P> lease(
      Class<P> type, KernelSpec spec, Supplier<P> make) {
    Entry entry = entries.get(spec);
    if (entry == null) {
      entry = new Entry(make.get());
      entries.put(spec, entry);
    }
    entry.leases++;
    return new Lease<>(this, spec, entry, type.cast(entry.plan));
  }

  private synchronized void release(KernelSpec spec, Entry entry) {
    if (--entry.leases == 0) {
      entries.remove(spec);
      entry.plan.close();
    }
  }

  /**
   * The right to use a shared plan. Between {@link #lock} and {@link #unlock} the plan belongs to
   * the calling thread; other holders wait.
   *
   * @param <P> class of the plan
   */
  public static final class Lease<P extends KernelPlan> implements AutoCloseable {
    private final PlanCache cache;
    private final KernelSpec spec;
    private final Entry entry;
    private final P plan;
    private boolean closed;

    private Lease(PlanCache cache, KernelSpec spec, Entry entry, P plan) {
      this.cache = cache;
      this.spec = spec;
      this.entry = entry;
      this.plan = plan;
    }

    /** Takes the plan for this thread and returns it. */
    public P lock() {
      entry.lock.lock();
      return plan;
    }

    /** Gives the plan back. */
    public void unlock() {
      entry.lock.unlock();
    }

    /** Gives up the lease; idempotent. */
    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        cache.release(spec, entry);
      }
    }
  }
}
