package dev.warpwright.kernels;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import jdk.jfr.EventType;

/**
 * A kernel made ready for fixed sizes and options on one device. Subclasses are the contracts:
 * their public methods check all arguments, the same way for every provider, and then call what the
 * provider implements.
 *
 * <p>A plan is used by one thread at a time, which is checked. {@code run} allocates no memory that
 * grows with its arguments. {@link #close} is idempotent.
 */
public abstract class KernelPlan implements Resource {
  private static final VarHandle BUSY;

  static {
    try {
      BUSY = MethodHandles.lookup().findVarHandle(KernelPlan.class, "busy", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final EventType LAUNCHES = EventType.getEventType(KernelLaunchEvent.class);

  private final KernelDevice device;
  private final KernelSpec spec;
  private final LeakDetector.Registration registration;
  private volatile boolean closed;

  @SuppressWarnings("unused") // accessed through BUSY
  private volatile boolean busy;

  private long startNanos;

  /**
   * A plan of {@code device}.
   *
   * @param device the device that runs the plan
   * @param spec what the plan was made for
   * @param workspaceBytes memory that the plan holds until it is closed
   */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  protected KernelPlan(KernelDevice device, KernelSpec spec, long workspaceBytes) {
    this.device = device;
    this.spec = spec;
    this.registration =
        LeakDetector.register(
            this, "plan " + spec.kernel().stem() + " on " + device.place(), workspaceBytes);
  }

  /** The device that runs the plan. */
  public final KernelDevice device() {
    return device;
  }

  /** Memory that the plan holds now, in bytes; may change with the plan's batch. */
  public final long workspaceBytes() {
    return registration.bytes();
  }

  /**
   * The plan holds {@code bytes} from now on, for plans that learn it, or whose memory changes,
   * after they were made.
   */
  protected final void workspaceIs(long bytes) {
    registration.resize(bytes);
  }

  /**
   * Begins a public call: refuses closed plans and devices, and use by two threads. Must be paired
   * with {@link #end}.
   */
  protected final void begin() {
    if (!BUSY.compareAndSet(this, false, true)) {
      throw new IllegalStateException(
          "plan " + spec.kernel().stem() + " is in use by another thread: make one plan a thread");
    }
    if (closed || !device.isOpen()) {
      busy = false;
      throw new IllegalStateException(
          (closed ? "plan " + spec.kernel().stem() : "device " + device.place()) + " is closed");
    }
    if (LAUNCHES.isEnabled()) {
      startNanos = System.nanoTime();
    }
  }

  /** Ends a public call. */
  protected final void end() {
    busy = false;
  }

  /** Reports a completed run to the flight recorder, when that is on. */
  protected final void launched(long bytes) {
    if (LAUNCHES.isEnabled()) {
      KernelLaunchEvent.record(
          spec.kernel().stem(), device.place(), bytes, System.nanoTime() - startNanos);
    }
  }

  /**
   * Refuses a tensor that this plan's device cannot reach or whose memory is gone, and one of
   * another type or shape.
   *
   * @param argument name of the argument
   * @param tensor the tensor
   * @param dtype the only allowed element type
   * @param shape the only allowed shape
   */
  protected final void requireTensor(String argument, Tensor tensor, DType dtype, long... shape) {
    Checks.tensor(argument, tensor, dtype, shape);
    requireReachable(argument, tensor);
  }

  /** Like {@link #requireTensor}, for an output: it must be writable too. */
  protected final void requireOutput(String argument, Tensor tensor, DType dtype, long... shape) {
    requireTensor(argument, tensor, dtype, shape);
    Checks.writable(argument, tensor);
  }

  /** The same for rank 1, without an array: run must not allocate. */
  protected final void requireTensor(String argument, Tensor tensor, DType dtype, long d0) {
    Checks.tensor(argument, tensor, dtype, d0);
    requireReachable(argument, tensor);
  }

  /** The same for an output of rank 1. */
  protected final void requireOutput(String argument, Tensor tensor, DType dtype, long d0) {
    requireTensor(argument, tensor, dtype, d0);
    Checks.writable(argument, tensor);
  }

  /** The same for rank 2. */
  protected final void requireTensor(
      String argument, Tensor tensor, DType dtype, long d0, long d1) {
    Checks.tensor(argument, tensor, dtype, d0, d1);
    requireReachable(argument, tensor);
  }

  /** The same for an output of rank 2. */
  protected final void requireOutput(
      String argument, Tensor tensor, DType dtype, long d0, long d1) {
    requireTensor(argument, tensor, dtype, d0, d1);
    Checks.writable(argument, tensor);
  }

  /** The same for rank 3. */
  protected final void requireTensor(
      String argument, Tensor tensor, DType dtype, long d0, long d1, long d2) {
    Checks.tensor(argument, tensor, dtype, d0, d1, d2);
    requireReachable(argument, tensor);
  }

  /** The same for an output of rank 3. */
  protected final void requireOutput(
      String argument, Tensor tensor, DType dtype, long d0, long d1, long d2) {
    requireTensor(argument, tensor, dtype, d0, d1, d2);
    Checks.writable(argument, tensor);
  }

  /** The same for rank 4. */
  protected final void requireTensor(
      String argument, Tensor tensor, DType dtype, long d0, long d1, long d2, long d3) {
    Checks.tensor(argument, tensor, dtype, d0, d1, d2, d3);
    requireReachable(argument, tensor);
  }

  /** Refuses a tensor that this plan's device cannot reach, or whose memory was freed. */
  protected final void requireReachable(String argument, Tensor tensor) {
    Checks.reachable(device, argument, tensor);
  }

  /** Frees what the provider holds for this plan; called once. */
  protected abstract void release();

  @Override
  public final void close() {
    synchronized (registration) {
      if (closed) {
        return;
      }
      if (!BUSY.compareAndSet(this, false, true)) {
        throw new IllegalStateException(
            "plan " + spec.kernel().stem() + " is running in another thread");
      }
      closed = true;
      busy = false;
    }
    registration.close();
    release();
  }
}
