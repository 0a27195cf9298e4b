package dev.warpwright.kernels;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Plans and workspaces of one device, shared by all who need the same: a decoder's layers have the
 * same shapes, and one workspace serves them all. What is shared is closed with its last lease.
 */
public final class PlanCache {
  private final KernelDevice device;
  private final Map<Object, Entry> entries = new HashMap<>();

  private static final class Entry {
    final Resource shared;
    final ReentrantLock lock = new ReentrantLock();
    int leases;

    Entry(Resource shared) {
      this.shared = shared;
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
   * A lease on what {@code key} stands for, which is made if nobody holds a lease on it.
   *
   * @param type its class
   * @param key what it is for, usually a spec; equal keys share
   * @param make makes it
   */
  public synchronized <T extends Resource> Lease<T> lease(
      Class<T> type, Object key, Supplier<T> make) {
    Entry entry = entries.get(key);
    if (entry == null) {
      entry = new Entry(make.get());
      entries.put(key, entry);
    }
    entry.leases++;
    return new Lease<>(this, key, entry, type.cast(entry.shared));
  }

  private synchronized void release(Object key, Entry entry) {
    if (--entry.leases == 0) {
      entries.remove(key);
      entry.shared.close();
    }
  }

  /**
   * The right to use something shared. Between {@link #lock} and {@link #unlock} it belongs to the
   * calling thread; other holders wait.
   *
   * @param <T> class of what is shared
   */
  public static final class Lease<T extends Resource> implements Resource {
    private final PlanCache cache;
    private final Object key;
    private final Entry entry;
    private final T shared;
    private boolean closed;

    private Lease(PlanCache cache, Object key, Entry entry, T shared) {
      this.cache = cache;
      this.key = key;
      this.entry = entry;
      this.shared = shared;
    }

    /** Takes it for this thread. */
    public T lock() {
      entry.lock.lock();
      return shared;
    }

    /** Gives it back. */
    public void unlock() {
      entry.lock.unlock();
    }

    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        cache.release(key, entry);
      }
    }
  }
}
