package dev.warpwright.softgpu;

import dev.warpwright.softgpu.driver.Driver;
import dev.warpwright.softgpu.driver.StandIn;
import dev.warpwright.softgpu.sim.SimFault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A software GPU behind the CUDA driver API of this JVM: open it, use JCuda's driver API, close it.
 * Opening gives devices in the state in which a process finds them. Between close and the next open
 * the machine looks as if it had the driver and no device.
 *
 * <p>The first open must come before JCuda's driver class is used when the machine has a real
 * driver. One can be open at a time.
 */
public final class SoftGpu implements AutoCloseable {
  private static final AtomicReference<@Nullable SoftGpu> OPEN = new AtomicReference<>();

  private final FaultInjection faults = new FaultInjection(StandIn.symbols());
  private final Driver driver;

  private SoftGpu(SoftGpuOptions options) {
    driver = new Driver(options, faults);
  }

  /** Why the software GPU cannot work on this machine, or null. */
  public static @Nullable String unavailable() {
    return StandIn.unavailable();
  }

  /**
   * Starts a software GPU.
   *
   * @throws IllegalStateException if one is open, the machine is not supported, or a real driver is
   *     loaded
   */
  public static SoftGpu open(SoftGpuOptions options) {
    SoftGpu gpu = new SoftGpu(options);
    if (!OPEN.compareAndSet(null, gpu)) {
      throw new IllegalStateException("a software GPU is open already");
    }
    try {
      StandIn.install(gpu.driver);
      return gpu;
    } catch (Throwable e) {
      OPEN.set(null);
      throw e;
    }
  }

  /** Failures to order in advance. */
  public FaultInjection faults() {
    return faults;
  }

  /** Executes all queued work. */
  public void drain() {
    driver.drain();
  }

  /** Kernels executed so far, in order, with their counters. */
  public List<ExecutedLaunch> launches() {
    return driver.launches();
  }

  /** What {@code printf} of executed kernels has written since the last call. */
  public String takePrinted() {
    return driver.takePrinted();
  }

  /** What the simulator has found so far. A test that expects findings takes them. */
  public List<SimFault> takeFindings() {
    return driver.takeSimFaults();
  }

  /** Errors inside the software GPU itself; the call that met one returned UNKNOWN. */
  public List<Throwable> takeInternalErrors() {
    return driver.takeEscaped();
  }

  /** Device and pinned host memory that is allocated now, a readable line each. */
  public List<String> liveMemory() {
    return driver.liveMemory();
  }

  /**
   * Executes what is queued and says what is wrong at the end of a test: findings of the simulator,
   * internal errors and memory that is still allocated.
   */
  public List<String> complaints() {
    drain();
    List<String> complaints = new ArrayList<>();
    takeFindings().forEach(finding -> complaints.add(String.valueOf(finding.getMessage())));
    takeInternalErrors().forEach(error -> complaints.add("internal error: " + error));
    liveMemory().forEach(live -> complaints.add("leaked " + live));
    return complaints;
  }

  /** Takes the devices away. */
  @Override
  public void close() {
    if (OPEN.compareAndSet(this, null)) {
      StandIn.install(null);
      driver.close();
    }
  }
}
