package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class DeviceMemoryTest {
  private final DeviceMemory memory = new DeviceMemory(1000);

  @Test
  void allocatesAlignedApartAndNeverAgain() {
    long a = memory.allocate(10, "a");
    long b = memory.allocate(10, "b");
    assertEquals(0, a % 256);
    assertTrue(b - a >= 4096);
    memory.free(a);
    assertTrue(memory.allocate(10, "c") > b);
    assertEquals(20, memory.used());
    assertNull(memory.find(a));
    assertTrue(memory.describe(a + 3).contains("freed a + 3 of 10 bytes"));
    assertTrue(memory.describe(b + 12).contains("b + 12 of 10 bytes"));
    assertThrows(IllegalArgumentException.class, () -> memory.free(a));
  }

  @Test
  void refusesWhatDoesNotFit() {
    memory.allocate(600, "a");
    OutOfDeviceMemory full = assertThrows(OutOfDeviceMemory.class, () -> memory.allocate(401, "b"));
    assertEquals(401, full.asked());
    assertEquals(400, full.free());
    assertThrows(IllegalArgumentException.class, () -> memory.allocate(0, "b"));
  }

  @Test
  void copiesAndFillsInsideOneAllocationOnly() {
    long a = memory.allocate(16, "a");
    memory.fill(a, 0x04030201, 4, 4);
    memory.copy(a + 2, a, 6);
    byte[] got = new byte[10];
    memory.copyOut(a, MemorySegment.ofArray(got));
    assertArrayEquals(new byte[] {1, 2, 1, 2, 3, 4, 1, 2, 1, 2}, got);
    MemorySegment big = MemorySegment.ofArray(new byte[17]);
    assertThrows(IllegalArgumentException.class, () -> memory.copyIn(a, big));
    assertThrows(IllegalArgumentException.class, () -> memory.copyOut(a - 1, big));
    assertThrows(IllegalArgumentException.class, () -> memory.fill(a, 0, 8, 3));
  }

  @Test
  void knowsWhichBytesWereWritten() {
    long a = memory.allocate(100, "a");
    assertEquals(a, memory.firstUninitialised(a, 100));
    memory.copyIn(a, MemorySegment.ofArray(new byte[13]));
    assertEquals(a + 13, memory.firstUninitialised(a, 100));
    memory.copy(a + 13, a + 5, 20);
    assertEquals(a + 21, memory.firstUninitialised(a, 100));
    memory.fill(a + 21, 1, 1, 79);
    assertEquals(-1, memory.firstUninitialised(a, 100));
  }
}
