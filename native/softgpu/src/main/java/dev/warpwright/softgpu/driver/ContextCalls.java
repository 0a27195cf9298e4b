package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.MemorySegment;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Primary and other contexts, and the thread's stack of them. */
final class ContextCalls {
  private static final int FLAGS = 0xff;
  private static final int API_VERSION = 3020;
  private static final int LAST_LIMIT = 7;
  private static final int LOWEST_PRIORITY = 0;
  private static final int HIGHEST_PRIORITY = -5;

  private final Driver driver;

  ContextCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuDevicePrimaryCtxRetain")
  void primaryRetain(MemorySegment context, int ordinal) {
    Device device = driver.device(ordinal);
    if (device.primary == null) {
      device.primary = driver.newContext(device, device.primaryFlags);
    }
    CMemory.putLong(context, device.primary.handle);
    device.primaryRetained++;
  }

  @CudaEntry("cuDevicePrimaryCtxRelease_v2")
  void primaryRelease(int ordinal) {
    Device device = driver.device(ordinal);
    CudaFailure.require(device.primaryRetained > 0, CudaResult.INVALID_CONTEXT);
    device.primaryRetained--;
    if (device.primaryRetained == 0) {
      destroyPrimary(device);
    }
  }

  @CudaEntry("cuDevicePrimaryCtxReset_v2")
  void primaryReset(int ordinal) {
    destroyPrimary(driver.device(ordinal));
  }

  private void destroyPrimary(Device device) {
    Context context = device.primary;
    if (context != null) {
      device.primary = null;
      driver.destroyContext(context);
    }
  }

  @CudaEntry("cuDevicePrimaryCtxSetFlags_v2")
  void primarySetFlags(int ordinal, int flags) {
    CudaFailure.require((flags & ~FLAGS) == 0);
    driver.device(ordinal).primaryFlags = flags;
  }

  @CudaEntry("cuDevicePrimaryCtxGetState")
  void primaryGetState(int ordinal, MemorySegment flags, MemorySegment active) {
    Device device = driver.device(ordinal);
    CMemory.putInt(flags, device.primaryFlags);
    CMemory.putInt(active, device.primary == null ? 0 : 1);
  }

  @CudaEntry("cuCtxCreate_v2")
  void create(MemorySegment context, int flags, int ordinal) {
    CudaFailure.require((flags & ~FLAGS) == 0);
    Context created = driver.newContext(driver.device(ordinal), flags);
    CMemory.putLong(context, created.handle);
    driver.contextStack().push(created);
  }

  @CudaEntry("cuCtxDestroy_v2")
  void destroy(long handle) {
    Context context = context(handle);
    CudaFailure.require(context != context.device().primary, CudaResult.INVALID_CONTEXT);
    driver.contextStack().remove(context);
    driver.destroyContext(context);
  }

  @CudaEntry("cuCtxPushCurrent_v2")
  void push(long handle) {
    driver.contextStack().push(context(handle));
  }

  @CudaEntry("cuCtxPopCurrent_v2")
  void pop(MemorySegment context) {
    Deque<Context> stack = driver.contextStack();
    CudaFailure.require(!stack.isEmpty(), CudaResult.INVALID_CONTEXT);
    CMemory.putLongIfWanted(context, stack.pop().handle);
  }

  @CudaEntry("cuCtxSetCurrent")
  void setCurrent(long handle) {
    Deque<Context> stack = driver.contextStack();
    @Nullable Context context = handle == 0 ? null : context(handle);
    stack.poll();
    if (context != null) {
      stack.push(context);
    }
  }

  @CudaEntry("cuCtxGetCurrent")
  void getCurrent(MemorySegment context) {
    @Nullable Context top = driver.contextStack().peek();
    CMemory.putLong(context, top == null ? 0 : top.handle);
  }

  @CudaEntry("cuCtxGetDevice")
  void getDevice(MemorySegment device) {
    CMemory.putInt(device, driver.context().device().ordinal());
  }

  @CudaEntry("cuCtxGetFlags")
  void getFlags(MemorySegment flags) {
    CMemory.putInt(flags, driver.context().flags());
  }

  @CudaEntry("cuCtxGetApiVersion")
  void getApiVersion(long handle, MemorySegment version) {
    if (handle == 0) {
      driver.context();
    } else {
      context(handle);
    }
    CMemory.putInt(version, API_VERSION);
  }

  @CudaEntry("cuCtxGetStreamPriorityRange")
  void getStreamPriorityRange(MemorySegment least, MemorySegment greatest) {
    driver.context();
    CMemory.putIntIfWanted(least, LOWEST_PRIORITY);
    CMemory.putIntIfWanted(greatest, HIGHEST_PRIORITY);
  }

  @CudaEntry("cuCtxSetLimit")
  void setLimit(int limit, long value) {
    Context context = driver.context();
    CudaFailure.require(limit >= 0 && limit <= LAST_LIMIT, CudaResult.UNSUPPORTED_LIMIT);
    context.limits().put(limit, value);
  }

  @CudaEntry("cuCtxGetLimit")
  void getLimit(MemorySegment value, int limit) {
    Context context = driver.context();
    CudaFailure.require(limit >= 0 && limit <= LAST_LIMIT, CudaResult.UNSUPPORTED_LIMIT);
    CMemory.putLong(value, context.limits().getOrDefault(limit, 0L));
  }

  @CudaEntry("cuCtxSynchronize")
  void synchronise() {
    driver.context().synchronise();
  }

  private Context context(long handle) {
    driver.deviceCount(); // initialised
    return driver.handles().get(handle, Context.class, CudaResult.INVALID_CONTEXT);
  }
}
