package dev.warpwright.softgpu;

import dev.warpwright.softgpu.sim.Launch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Failures that a test orders in advance. Each happens once, except those that say otherwise. All
 * counts start at 1 with the next call after the order.
 */
public final class FaultInjection {
  /** A launch that fails when it is executed. */
  private record LaunchOrder(String kernel, long launch, LaunchFault fault) {}

  /**
   * How a launch fails.
   *
   * @param result what the next synchronisation returns
   * @param sticky whether every later call of the context returns it too
   */
  public record LaunchFault(CudaResult result, boolean sticky) {}

  private record CallOrder(long call, CudaResult result, @Nullable CallOrder next) {}

  /** What is known and ordered of one entry point. */
  private static final class Calls {
    final AtomicLong count = new AtomicLong();
    volatile @Nullable CallOrder orders;
    volatile @Nullable Runnable hook;
  }

  /** Full from the start, because {@link #onCall} may run where nothing can be allocated. */
  private final Map<String, Calls> calls = new ConcurrentHashMap<>();

  private final Map<Integer, CudaResult> lostDevices = new ConcurrentHashMap<>();
  private final Map<String, Long> launches = new HashMap<>();
  private final List<LaunchOrder> launchOrders = new ArrayList<>();
  private long allocationLimit = Long.MAX_VALUE;
  private int copyDelay;

  /** Only {@link SoftGpu} makes one. */
  FaultInjection(List<String> symbols) {
    symbols.forEach(symbol -> calls.put(symbol, new Calls()));
  }

  private Calls of(String symbol) {
    Calls found = calls.get(symbol);
    if (found == null) {
      throw new IllegalArgumentException("no entry point is called " + symbol);
    }
    return found;
  }

  /**
   * Makes a call fail without doing anything.
   *
   * @param symbol exported name, for example {@code cuMemAlloc_v2}
   * @param nth which call from now on
   * @param result what it returns
   */
  public synchronized void failCall(String symbol, int nth, CudaResult result) {
    requirePositive(nth);
    Calls of = of(symbol);
    of.orders = new CallOrder(of.count.get() + nth, result, of.orders);
  }

  /**
   * Runs something inside every later call of an entry point, before it does its work: a garbage
   * collection, or a change of the caller's data. What it throws counts as an error of the software
   * GPU itself. A collection inside {@code cuDeviceGetName} hangs with most collectors: JCuda pins
   * an array for it.
   */
  public void beforeCall(String symbol, Runnable action) {
    of(symbol).hook = action;
  }

  /**
   * Makes every allocation of device memory of this size or more fail with OUT_OF_MEMORY, until
   * another limit is set.
   */
  public synchronized void failAllocationsFrom(long bytes) {
    allocationLimit = bytes;
  }

  /**
   * Makes a launch fail asynchronously: the launching call succeeds, memory stays as it was, and
   * the next call that synchronises returns the result.
   *
   * @param kernel name of the kernel
   * @param nth which launch of it from now on
   * @param fault how it fails
   */
  public synchronized void failLaunch(String kernel, int nth, LaunchFault fault) {
    requirePositive(nth);
    launchOrders.add(new LaunchOrder(kernel, launches.getOrDefault(kernel, 0L) + nth, fault));
  }

  /**
   * Makes every later queued copy late: it lets up to this many steps of other work go first, each
   * time another number by the seed, and is not executed early by any progress mode. The order of
   * streams and events still holds, so that only what nothing orders is changed.
   *
   * @param most steps; 0 ends the delays
   */
  public synchronized void delayCopies(int most) {
    if (most < 0) {
      throw new IllegalArgumentException("most " + most + " must not be negative");
    }
    copyDelay = most;
  }

  /** What {@link #delayCopies} has set. For the driver. */
  public synchronized int copyDelay() {
    return copyDelay;
  }

  /** Makes every later call on a device return {@code result}, until the software GPU is closed. */
  public void loseDevice(int ordinal, CudaResult result) {
    lostDevices.put(ordinal, result);
  }

  /** How often an entry point was called. */
  public long calls(String symbol) {
    return of(symbol).count.get();
  }

  /**
   * Counts a call and says how it must fail, or null. For the driver. Allocates nothing and waits
   * for nobody.
   */
  public @Nullable CudaResult onCall(String symbol) {
    Calls of = of(symbol);
    Runnable hook = of.hook;
    if (hook != null) {
      hook.run();
    }
    long call = of.count.incrementAndGet();
    for (CallOrder order = of.orders; order != null; order = order.next) {
      if (order.call == call) {
        return order.result;
      }
    }
    return null;
  }

  /** Counts an executed launch and says how it must fail, or null. For the driver. */
  public synchronized @Nullable LaunchFault onLaunch(Launch launch) {
    String kernel = launch.entry().name();
    long count = launches.merge(kernel, 1L, Long::sum);
    Iterator<LaunchOrder> orders = launchOrders.iterator();
    while (orders.hasNext()) {
      LaunchOrder order = orders.next();
      if (order.kernel.equals(kernel) && order.launch == count) {
        orders.remove();
        return order.fault;
      }
    }
    return null;
  }

  /** Whether an allocation must fail. For the driver. */
  public synchronized boolean refusesAllocation(long bytes) {
    return bytes >= allocationLimit;
  }

  /** What calls on a lost device return, or null while it is there. For the driver. */
  public @Nullable CudaResult lost(int ordinal) {
    return lostDevices.get(ordinal);
  }

  private static void requirePositive(int nth) {
    if (nth < 1) {
      throw new IllegalArgumentException("nth " + nth + " must be 1 or more");
    }
  }
}
