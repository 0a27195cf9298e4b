package dev.warpwright.kernels;

/** An allocation on a device failed. Nothing was changed. */
public class OutOfDeviceMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final long asked;
  private final long free;
  private final long total;

  /**
   * Reports a failed allocation.
   *
   * @param device name of the device
   * @param asked bytes that were asked for
   * @param free bytes that are free
   * @param total bytes of the device
   * @param holders who holds most of the memory, as readable text
   */
  public OutOfDeviceMemoryException(
      String device, long asked, long free, long total, String holders) {
    super(
        device
            + " has "
            + free
            + " of "
            + total
            + " bytes free, "
            + asked
            + " were asked for; most is held by "
            + holders);
    this.asked = asked;
    this.free = free;
    this.total = total;
  }

  /** Bytes that were asked for. */
  public long asked() {
    return asked;
  }

  /** Bytes that were free. */
  public long free() {
    return free;
  }

  /** Bytes of the device. */
  public long total() {
    return total;
  }
}
