package dev.warpwright.kernels;

/** Something that lives on a device and may be shared by plans and threads until it is closed. */
public abstract class DeviceResource implements Resource {
  private final KernelDevice device;
  private final String name;
  private final LeakDetector.Registration registration;
  private boolean closed;

  /**
   * Something on {@code device}.
   *
   * @param device the device
   * @param what what it is, for messages
   * @param bytes memory that it holds
   */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  protected DeviceResource(KernelDevice device, String what, long bytes) {
    this.device = device;
    this.name = what + " on " + device.place();
    this.registration = LeakDetector.register(this, name, bytes);
  }

  /** The device that it lives on. */
  public final KernelDevice device() {
    return device;
  }

  /** Memory that it holds on the device. */
  public final long bytes() {
    return registration.bytes();
  }

  /** Whether it may still be used. */
  public final synchronized boolean isOpen() {
    return !closed && device.isOpen();
  }

  /** Refuses use after closing. */
  public final void requireOpen() {
    if (!isOpen()) {
      throw new IllegalStateException(name + " is closed");
    }
  }

  /** Frees the memory; called once. */
  protected abstract void release();

  @Override
  public final void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    registration.close();
    release();
  }
}
