package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.FaultInjection;
import dev.warpwright.softgpu.sim.DeviceProfile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * {@code cuDeviceGetName}. JCuda pins the caller's array for as long as this call lasts, and with
 * most collectors no garbage can be collected meanwhile: whoever needs a collection waits for the
 * call to end. So the call must not allocate, nor wait for a thread that does: no lock, no boxing,
 * no exception, and all bytes lie ready.
 */
final class DeviceNames {
  static final String SYMBOL = "cuDeviceGetName";

  private static final MemorySegment EVERYWHERE = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  private static final MemorySegment END = Arena.global().allocate(1);

  /** Texts with the zero byte behind them. */
  private final MemorySegment[] names;

  private final FaultInjection faults;

  DeviceNames(List<DeviceProfile> devices, FaultInjection faults) {
    this.faults = faults;
    Arena arena = Arena.ofAuto();
    names =
        devices.stream()
            .map(device -> arena.allocateFrom(device.name()))
            .toArray(MemorySegment[]::new);
    // Once for nothing, so that the first call finds everything linked.
    write(END, arena.allocate(1).address(), 1);
  }

  /** Writes the name of a device, cut to {@code capacity} bytes with the zero byte. */
  CudaResult put(boolean initialised, long address, int capacity, int ordinal) {
    CudaResult ordered = faults.onCall(SYMBOL);
    if (ordered != null) {
      return ordered;
    }
    if (!initialised) {
      return CudaResult.NOT_INITIALIZED;
    }
    if (ordinal < 0 || ordinal >= names.length) {
      return CudaResult.INVALID_DEVICE;
    }
    CudaResult lost = faults.lost(ordinal);
    if (lost != null) {
      return lost;
    }
    if (address == 0 || capacity <= 0) {
      return CudaResult.INVALID_VALUE;
    }
    write(names[ordinal], address, capacity);
    return CudaResult.SUCCESS;
  }

  private static void write(MemorySegment name, long address, int capacity) {
    long bytes = Math.min(name.byteSize(), capacity);
    MemorySegment.copy(name, 0, EVERYWHERE, address, bytes - 1);
    MemorySegment.copy(END, 0, EVERYWHERE, address + bytes - 1, 1);
  }
}
