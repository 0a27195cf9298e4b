package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The detector of damage is tested with damage. */
class CaseMemoryTest {
  @Test
  void drawsEveryKindOfMemory() {
    Set<String> kinds = new HashSet<>();
    try (CaseMemory memory = new CaseMemory(new CaseRandom(1))) {
      for (int i = 0; i < 200; i++) {
        Tensor input = memory.input("x", new float[] {1, 2, 3}, 3);
        assertArrayEquals(new float[] {1, 2, 3}, input.toFloats());
        MemorySegment segment = input.segment();
        kinds.add(segment.isReadOnly() ? "read-only" : "writable");
        kinds.add(segment.isNative() ? segment.isMapped() ? "mapped" : "native" : "heap");
        kinds.add(input.array() instanceof float[] ? "floats" : "other");
      }
      memory.check();
    }
    assertEquals(
        Set.of("read-only", "writable", "mapped", "native", "heap", "floats", "other"), kinds);
  }

  @Test
  void findsAChangedInput() {
    for (int seed = 0; seed < 50; seed++) {
      try (CaseMemory memory = new CaseMemory(new CaseRandom(seed))) {
        Tensor input = memory.input("x", new float[] {1, 2, 3}, 3);
        if (!input.segment().isReadOnly()) {
          input.setFloat(2, 4);
          assertTrue(
              assertThrows(ContractViolation.class, memory::check)
                  .getMessage()
                  .startsWith("x was changed at byte"));
        }
      }
    }
  }

  @Test
  void findsAWriteBesideAnOutput() {
    int found = 0;
    for (int seed = 0; seed < 50; seed++) {
      try (CaseMemory memory = new CaseMemory(new CaseRandom(seed))) {
        Tensor output = memory.output("y", DType.F32, 3);
        assertTrue(Float.isNaN(output.getFloat(0)), "poisoned");
        MemorySegment tensor = output.segment();
        if (tensor.isNative()) {
          continue; // the byte beside it may be unreadable
        }
        Object array = output.array();
        MemorySegment whole =
            array instanceof float[] floats
                ? MemorySegment.ofArray(floats)
                : MemorySegment.ofArray((byte[]) array);
        long behind = tensor.address() + tensor.byteSize();
        long before = tensor.address() - 1;
        long at = seed % 2 == 0 ? behind : before;
        whole.set(ValueLayout.JAVA_BYTE, at, (byte) 0);
        assertTrue(
            assertThrows(ContractViolation.class, memory::check)
                .getMessage()
                .startsWith(seed % 2 == 0 ? "memory behind" : "memory before"));
        found++;
      }
    }
    assertTrue(found > 10, "heap outputs drawn: " + found);
  }
}
