package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The opaque handles that callers hold. A value is never used twice in a process, so a handle that
 * outlived its object, or its driver, is always noticed.
 */
final class Handles {
  private static final AtomicLong NEXT = new AtomicLong(0x5_0000);

  private final Map<Long, Object> objects = new HashMap<>();

  /** Makes a handle for {@code object}. */
  long add(Object object) {
    long handle = NEXT.getAndAdd(16);
    objects.put(handle, object);
    return handle;
  }

  /** The object of a handle; INVALID_HANDLE when there is none of that kind. */
  <T> T get(long handle, Class<T> kind) {
    return get(handle, kind, CudaResult.INVALID_HANDLE);
  }

  /** The object of a handle; {@code otherwise} when there is none of that kind. */
  <T> T get(long handle, Class<T> kind, CudaResult otherwise) {
    @Nullable Object object = objects.get(handle);
    if (!kind.isInstance(object)) {
      throw new CudaFailure(otherwise);
    }
    return kind.cast(object);
  }

  /** Makes a handle invalid. */
  void remove(long handle) {
    objects.remove(handle);
  }
}
