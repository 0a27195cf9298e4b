package dev.warpwright.softgpu.sim;

/**
 * Limits of a simulated device.
 *
 * @param name as a driver would report it
 * @param major first digit of the compute capability
 * @param minor second digit of the compute capability
 * @param multiprocessors number of multiprocessors
 * @param maxThreadsPerBlock threads of a block
 * @param maxThreadsPerMultiprocessor resident threads of a multiprocessor
 * @param maxBlocksPerMultiprocessor resident blocks of a multiprocessor
 * @param sharedPerBlock bytes of shared memory of a block without opting in to more
 * @param sharedPerBlockOptin bytes of shared memory of a block at most
 * @param sharedPerMultiprocessor bytes of shared memory of a multiprocessor
 * @param registersPerBlock 32-bit registers of a block
 * @param memoryBytes device memory
 * @param l2Bytes second-level cache
 * @param clockKHz clock of the multiprocessors
 * @param memoryClockKHz clock of the memory
 * @param memoryBusBits width of the memory bus
 */
public record DeviceProfile(
    String name,
    int major,
    int minor,
    int multiprocessors,
    int maxThreadsPerBlock,
    int maxThreadsPerMultiprocessor,
    int maxBlocksPerMultiprocessor,
    int sharedPerBlock,
    int sharedPerBlockOptin,
    int sharedPerMultiprocessor,
    int registersPerBlock,
    long memoryBytes,
    int l2Bytes,
    int clockKHz,
    int memoryClockKHz,
    int memoryBusBits) {
  /** Like an H100 SXM5 80 GB. */
  public static final DeviceProfile H100 =
      new DeviceProfile(
          "Software GPU (H100)",
          9,
          0,
          132,
          1024,
          2048,
          32,
          48 << 10,
          227 << 10,
          228 << 10,
          65536,
          80L << 30,
          50 << 20,
          1_980_000,
          2_619_000,
          5120);

  /** Like an A100 SXM4 40 GB. */
  public static final DeviceProfile A100 =
      new DeviceProfile(
          "Software GPU (A100)",
          8,
          0,
          108,
          1024,
          2048,
          32,
          48 << 10,
          163 << 10,
          164 << 10,
          65536,
          40L << 30,
          40 << 20,
          1_410_000,
          1_215_000,
          5120);

  /** Number that PTX targets are compared with, for example 90 for sm_90. */
  public int architecture() {
    return major * 10 + minor;
  }
}
