package dev.warpwright.softgpu;

import dev.warpwright.softgpu.sim.Launch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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

  private record CallOrder(long call, CudaResult result) {}

  private final Map<String, Long> calls = new HashMap<>();
  private final Map<String, List<CallOrder>> callOrders = new HashMap<>();
  private final Map<String, Runnable> hooks = new HashMap<>();
  private final Map<String, Long> launches = new HashMap<>();
  private final List<LaunchOrder> launchOrders = new ArrayList<>();
  private final Map<Integer, CudaResult> lostDevices = new HashMap<>();
  private long allocationLimit = Long.MAX_VALUE;

  /** Only {@link SoftGpu} makes one. */
  FaultInjection() {}

  /**
   * Makes a call fail without doing anything.
   *
   * @param symbol exported name, for example {@code cuMemAlloc_v2}
   * @param nth which call from now on
   * @param result what it returns
   */
  public synchronized void failCall(String symbol, int nth, CudaResult result) {
    requirePositive(nth);
    long call = calls.getOrDefault(symbol, 0L) + nth;
    callOrders.computeIfAbsent(symbol, s -> new ArrayList<>()).add(new CallOrder(call, result));
  }

  /**
   * Runs something inside every later call of an entry point, before it does its work: a garbage
   * collection, or a change of the caller's data. What it throws counts as an error of the software
   * GPU itself.
   */
  public synchronized void beforeCall(String symbol, Runnable action) {
    hooks.put(symbol, action);
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

  /** Makes every later call on a device return {@code result}, until the software GPU is closed. */
  public synchronized void loseDevice(int ordinal, CudaResult result) {
    lostDevices.put(ordinal, result);
  }

  /** How often an entry point was called. */
  public synchronized long calls(String symbol) {
    return calls.getOrDefault(symbol, 0L);
  }

  /** Counts a call and says whether it must fail. For the driver. */
  public synchronized Optional<CudaResult> onCall(String symbol) {
    hooks.getOrDefault(symbol, () -> {}).run();
    long call = calls.merge(symbol, 1L, Long::sum);
    Iterator<CallOrder> orders = callOrders.getOrDefault(symbol, List.of()).iterator();
    while (orders.hasNext()) {
      CallOrder order = orders.next();
      if (order.call == call) {
        orders.remove();
        return Optional.of(order.result);
      }
    }
    return Optional.empty();
  }

  /** Counts an executed launch and says whether it must fail. For the driver. */
  public synchronized Optional<LaunchFault> onLaunch(Launch launch) {
    String kernel = launch.entry().name();
    long count = launches.merge(kernel, 1L, Long::sum);
    Iterator<LaunchOrder> orders = launchOrders.iterator();
    while (orders.hasNext()) {
      LaunchOrder order = orders.next();
      if (order.kernel.equals(kernel) && order.launch == count) {
        orders.remove();
        return Optional.of(order.fault);
      }
    }
    return Optional.empty();
  }

  /** Whether an allocation must fail. For the driver. */
  public synchronized boolean refusesAllocation(long bytes) {
    return bytes >= allocationLimit;
  }

  /** What calls on a lost device return. For the driver. */
  public synchronized Optional<CudaResult> lost(int ordinal) {
    return Optional.ofNullable(lostDevices.get(ordinal));
  }

  private static void requirePositive(int nth) {
    if (nth < 1) {
      throw new IllegalArgumentException("nth " + nth + " must be 1 or more");
    }
  }
}
