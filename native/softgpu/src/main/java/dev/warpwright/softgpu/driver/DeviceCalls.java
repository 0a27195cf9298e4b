package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** Initialisation, versions, error texts, devices and their attributes. */
final class DeviceCalls {
  private static final Map<String, MemorySegment> TEXTS = new HashMap<>();

  private final Driver driver;

  DeviceCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuInit")
  void init(int flags) {
    CudaFailure.require(flags == 0);
    driver.initialise();
  }

  @CudaEntry("cuDriverGetVersion")
  void driverGetVersion(MemorySegment version) {
    CMemory.putInt(version, driver.options().driverVersion());
  }

  @CudaEntry("cuGetErrorName")
  void getErrorName(int error, MemorySegment text) {
    putErrorText(error, text, CudaResult::fullName);
  }

  @CudaEntry("cuGetErrorString")
  void getErrorString(int error, MemorySegment text) {
    putErrorText(error, text, CudaResult::text);
  }

  private static void putErrorText(
      int error, MemorySegment pointer, Function<CudaResult, String> text) {
    CudaResult result = CudaResult.of(error);
    if (result == null) {
      CMemory.putLong(pointer, 0);
      throw new CudaFailure(CudaResult.INVALID_VALUE);
    }
    CMemory.putLong(pointer, permanent(text.apply(result)).address());
  }

  /** Callers may keep the pointer, so each text is written once and stays. */
  private static synchronized MemorySegment permanent(String text) {
    return TEXTS.computeIfAbsent(text, Arena.global()::allocateFrom);
  }

  @CudaEntry("cuDeviceGetCount")
  void deviceGetCount(MemorySegment count) {
    CMemory.putInt(count, driver.deviceCount());
  }

  @CudaEntry("cuDeviceGet")
  void deviceGet(MemorySegment device, int ordinal) {
    CMemory.putInt(device, driver.device(ordinal).ordinal());
  }

  @CudaEntry("cuDeviceGetUuid")
  void deviceGetUuid(MemorySegment uuid, int device) {
    MemorySegment bytes = CMemory.at(uuid, 16);
    bytes.fill((byte) 0);
    bytes.set(ValueLayout.JAVA_BYTE, 15, (byte) (driver.device(device).ordinal() + 1));
  }

  @CudaEntry("cuDeviceGetPCIBusId")
  void deviceGetPciBusId(MemorySegment id, int length, int device) {
    CMemory.putText(id, length, pciBusId(driver.device(device)));
  }

  @CudaEntry("cuDeviceGetByPCIBusId")
  void deviceGetByPciBusId(MemorySegment device, MemorySegment id) {
    String wanted = CMemory.text(id);
    for (int i = 0; i < driver.deviceCount(); i++) {
      if (pciBusId(driver.device(i)).equalsIgnoreCase(wanted)) {
        CMemory.putInt(device, i);
        return;
      }
    }
    throw new CudaFailure(CudaResult.INVALID_DEVICE);
  }

  private static String pciBusId(Device device) {
    return String.format(Locale.ROOT, "0000:%02X:00.0", device.ordinal() + 1);
  }

  @CudaEntry("cuDeviceTotalMem_v2")
  void deviceTotalMem(MemorySegment bytes, int device) {
    CMemory.putLong(bytes, driver.device(device).memory().capacity());
  }

  @CudaEntry("cuDeviceComputeCapability")
  void deviceComputeCapability(MemorySegment major, MemorySegment minor, int device) {
    CMemory.putInt(major, driver.device(device).profile().major());
    CMemory.putInt(minor, driver.device(device).profile().minor());
  }

  @CudaEntry("cuDeviceGetAttribute")
  void deviceGetAttribute(MemorySegment value, int attribute, int device) {
    CMemory.putInt(value, DeviceAttributes.value(driver.device(device), attribute));
  }
}
