package dev.warpwright.cuda.runtime;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel of a loaded module. */
public final class CudaFunction {
  private final CudaDevice device;
  private final String name;
  private final CUfunction function;

  CudaFunction(CudaDevice device, String name, CUfunction function) {
    this.device = device;
    this.name = name;
    this.function = function;
  }

  /** Name of the kernel. */
  public String name() {
    return name;
  }

  /** Registers of a thread. */
  public int registers() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS);
  }

  /** Bytes of static shared memory of a block. */
  public int staticShared() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  }

  /** Bytes of local memory of a thread; more than 0 is a stack frame or a spill. */
  public int localBytes() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
  }

  /** Threads of a block at most. */
  public int maxThreads() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  }

  /**
   * Allows launches with more dynamic shared memory than the 48 KiB that every kernel may use. What
   * was allowed before stays allowed: plans of several sizes share a function.
   */
  public void allowDynamicShared(int bytes) {
    int limit = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    synchronized (device) {
      if (bytes > attribute(limit)) {
        device.check(
            JCudaDriver.cuFuncSetAttribute(function, limit, bytes), "cuFuncSetAttribute", name);
      }
    }
  }

  /** Blocks that are resident on a multiprocessor together. */
  public int residentBlocks(int threads, int dynamicShared) {
    device.makeCurrent();
    int[] blocks = new int[1];
    device.check(
        JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
            blocks, function, threads, dynamicShared),
        "cuOccupancyMaxActiveBlocksPerMultiprocessor",
        name);
    return blocks[0];
  }

  CUfunction handle() {
    return function;
  }

  private int attribute(int attribute) {
    device.makeCurrent();
    int[] value = new int[1];
    device.check(
        JCudaDriver.cuFuncGetAttribute(value, attribute, function), "cuFuncGetAttribute", name);
    return value[0];
  }
}
