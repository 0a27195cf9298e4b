package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.ExecutedLaunch;
import dev.warpwright.softgpu.FaultInjection;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.driver.EntryTable.Entry;
import dev.warpwright.softgpu.sim.Allocation;
import dev.warpwright.softgpu.sim.LaunchReport;
import dev.warpwright.softgpu.sim.SimFault;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.WeakHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * State of the simulated driver, as a process finds it when it starts. Calls are executed one at a
 * time.
 */
public final class Driver {
  private final SoftGpuOptions options;
  private final FaultInjection faults;
  private final List<Device> devices = new ArrayList<>();
  private final List<Context> contexts = new ArrayList<>();
  private final Handles handles = new Handles();
  private final HostMemory hostMemory = new HostMemory();
  private final WorkQueues queues;
  private final DeviceNames names;
  private final List<Capture> captures = new ArrayList<>();
  private final Map<Class<?>, Object> areas = new HashMap<>();
  private final Map<Thread, Deque<Context>> current = new WeakHashMap<>();
  private final ReentrantLock lock = new ReentrantLock();

  private final List<ExecutedLaunch> executed = new ArrayList<>();
  private final List<SimFault> simFaults = new ArrayList<>();
  private final List<String> abandoned = new ArrayList<>();
  private final List<Throwable> escaped = Collections.synchronizedList(new ArrayList<>());
  private volatile boolean initialised;

  /**
   * A driver that nobody has called yet.
   *
   * @param options the machine
   * @param faults failures that a test orders
   */
  public Driver(SoftGpuOptions options, FaultInjection faults) {
    this.options = options;
    this.faults = faults;
    queues = new WorkQueues(options.progress(), options.simulation().seed());
    for (int i = 0; i < options.devices().size(); i++) {
      devices.add(new Device(i, options, faults));
    }
    names = new DeviceNames(options.devices(), faults);
    for (Library library : Library.values()) {
      library.areas().forEach(area -> areas.put(area, create(area)));
    }
  }

  private Object create(Class<?> area) {
    try {
      return area.getDeclaredConstructor(Driver.class).newInstance(this);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("entry points of " + area, e);
    }
  }

  /** Executes a call. Whatever it throws becomes a result. */
  CudaResult call(Entry entry, Object[] arguments) {
    lock.lock();
    try {
      CudaResult ordered = faults.onCall(entry.symbol());
      if (ordered != null) {
        return fail(ordered);
      }
      entry.call(Objects.requireNonNull(areas.get(entry.area())), arguments);
      return CudaResult.SUCCESS;
    } catch (CudaFailure e) {
      return e.result();
    } catch (Throwable e) {
      escaped.add(e);
      return CudaResult.UNKNOWN;
    } finally {
      lock.unlock();
    }
  }

  /** A failure that a test has ordered; one that ends contexts ends the current one. */
  private CudaResult fail(CudaResult result) {
    Deque<Context> stack = current.get(Thread.currentThread());
    if (result.endsContext() && stack != null && !stack.isEmpty()) {
      stack.element().fail(new LaunchFailure(result, true));
    }
    return result;
  }

  boolean isInitialised() {
    return initialised;
  }

  DeviceNames names() {
    return names;
  }

  SoftGpuOptions options() {
    return options;
  }

  FaultInjection faults() {
    return faults;
  }

  Handles handles() {
    return handles;
  }

  HostMemory hostMemory() {
    return hostMemory;
  }

  WorkQueues queues() {
    return queues;
  }

  /** {@code cuInit}. */
  void initialise() {
    CudaFailure.require(!devices.isEmpty(), CudaResult.NO_DEVICE);
    initialised = true;
  }

  int deviceCount() {
    CudaFailure.require(initialised, CudaResult.NOT_INITIALIZED);
    return devices.size();
  }

  Device device(int ordinal) {
    CudaFailure.require(ordinal >= 0 && ordinal < deviceCount(), CudaResult.INVALID_DEVICE);
    Device device = devices.get(ordinal);
    device.requirePresent();
    return device;
  }

  /** Contexts of this thread, the current one first. */
  Deque<Context> contextStack() {
    CudaFailure.require(initialised, CudaResult.NOT_INITIALIZED);
    return current.computeIfAbsent(Thread.currentThread(), t -> new ArrayDeque<>());
  }

  /** The current context, able to work. */
  Context context() {
    @Nullable Context context = contextStack().peek();
    if (context == null) {
      throw new CudaFailure(CudaResult.INVALID_CONTEXT);
    }
    CudaFailure.require(!context.isDestroyed(), CudaResult.CONTEXT_IS_DESTROYED);
    context.device().requirePresent();
    context.throwStickyFailure();
    return context;
  }

  /** The stream of a handle; null and 1 are the legacy default stream, 2 is the thread's own. */
  CudaStream stream(long handle) {
    Context context = context();
    if (handle == 0 || handle == 1) {
      return context.legacyStream();
    }
    if (handle == 2) {
      return context.streamOfThread();
    }
    CudaStream stream = handles.get(handle, CudaStream.class);
    CudaFailure.require(stream.context() == context, CudaResult.INVALID_HANDLE);
    return stream;
  }

  /** The device whose memory holds all of a range; INVALID_VALUE when none does. */
  Device deviceOf(long address, long bytes) {
    return findDevice(address, bytes).orElseThrow(() -> new CudaFailure(CudaResult.INVALID_VALUE));
  }

  /** The device whose memory holds all of a range: an address says which device has it. */
  Optional<Device> findDevice(long address, long bytes) {
    context();
    for (Device device : devices) {
      Allocation found = device.memory().find(address);
      if (found != null) {
        boolean whole = bytes <= found.bytes() - (address - found.address());
        return whole ? Optional.of(device) : Optional.empty();
      }
    }
    return Optional.empty();
  }

  /** The context that has allocated the memory at an address; the current one for other memory. */
  Context ownerOf(long address) {
    Optional<Device> device = findDevice(address, 1);
    Allocation found = device.isEmpty() ? null : device.get().memory().find(address);
    return contexts.stream()
        .filter(context -> found != null && context.allocations().contains(found.address()))
        .findFirst()
        .orElseGet(this::context);
  }

  /** Streams that are being captured. */
  List<Capture> captures() {
    return captures;
  }

  /** Refuses a call that could disturb a capture, and ends the captures that forbid it. */
  void requireNoCapture() {
    List<Capture> disturbed = captures.stream().filter(Capture::forbidsUnsafeCalls).toList();
    disturbed.forEach(Capture::invalidate);
    CudaFailure.require(disturbed.isEmpty(), CudaResult.STREAM_CAPTURE_UNSUPPORTED);
  }

  /** Makes a context and its handle. */
  Context newContext(Device device, int flags) {
    Context context = new Context(device, queues, flags);
    contexts.add(context);
    context.handle = handles.add(context);
    return context;
  }

  void destroyContext(Context context) {
    if (!context.hasStickyFailure()) {
      abandoned.addAll(liveMemory(context));
    }
    context.destroy();
    contexts.forEach(other -> other.removePeer(context));
    captures.removeIf(capture -> capture.isOf(context));
    hostMemory.releaseAll(context);
    handles.remove(context.handle);
    contexts.remove(context);
  }

  void executed(String kernel, LaunchReport report) {
    executed.add(new ExecutedLaunch(kernel, report));
  }

  void found(SimFault fault) {
    simFaults.add(fault);
  }

  /** Executes all queued work; failures stay with their contexts. */
  public void drain() {
    lock.lock();
    try {
      while (queues.step()) {
        // Executed one more.
      }
    } finally {
      lock.unlock();
    }
  }

  /** Kernels executed so far, in order. */
  public List<ExecutedLaunch> launches() {
    lock.lock();
    try {
      return List.copyOf(executed);
    } finally {
      lock.unlock();
    }
  }

  /** What kernels have printed so far, device by device; forgets it. */
  public String takePrinted() {
    lock.lock();
    try {
      return devices.stream().map(Device::takePrinted).collect(Collectors.joining());
    } finally {
      lock.unlock();
    }
  }

  /** What the simulator has found so far; forgets it. */
  public List<SimFault> takeSimFaults() {
    return take(simFaults);
  }

  /** Something was thrown outside of {@link #call}. */
  void escaped(Throwable e) {
    escaped.add(e);
  }

  /** Exceptions that entry points should not have thrown; forgets them. */
  public List<Throwable> takeEscaped() {
    return take(escaped);
  }

  private <T> List<T> take(List<T> list) {
    lock.lock();
    try {
      List<T> copy = List.copyOf(list);
      list.clear();
      return copy;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Device memory and pinned host memory that is still allocated, or was until its context was
   * destroyed; a readable line each. A device that is lost has lost its memory too.
   */
  public List<String> liveMemory() {
    lock.lock();
    try {
      List<String> live = new ArrayList<>(abandoned);
      for (Context context : contexts) {
        if (faults.lost(context.device().ordinal()) == null && !context.hasStickyFailure()) {
          live.addAll(liveMemory(context));
        }
      }
      return live;
    } finally {
      lock.unlock();
    }
  }

  private List<String> liveMemory(Context context) {
    List<String> live = new ArrayList<>(context.liveMemory());
    live.addAll(hostMemory.live(context));
    return live;
  }

  /** Frees the host memory that is still pinned. */
  public void close() {
    lock.lock();
    try {
      hostMemory.close();
    } finally {
      lock.unlock();
    }
  }
}
