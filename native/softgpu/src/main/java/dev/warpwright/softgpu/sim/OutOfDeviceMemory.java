package dev.warpwright.softgpu.sim;

import java.io.Serial;

/** An allocation that does not fit into the simulated device memory. */
public final class OutOfDeviceMemory extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  private final long asked;
  private final long free;

  OutOfDeviceMemory(long asked, long free, String reason) {
    super(asked + " bytes asked, " + free + " free: " + reason);
    this.asked = asked;
    this.free = free;
  }

  /** Bytes asked for. */
  public long asked() {
    return asked;
  }

  /** Bytes that were free. */
  public long free() {
    return free;
  }
}
