package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;

/**
 * A decoded kernel. A register is 32 consecutive elements, one a lane.
 *
 * @param entry its first instruction; functions with frames come before, so that lanes inside them
 *     catch up with those that wait for them
 * @param callees functions with frames, by address
 * @param stackStart where frames begin in the local memory of a lane
 * @param localBytes local memory of a lane
 */
@SuppressWarnings("ArrayRecordComponent")
record Code(
    String name,
    Instr[] instructions,
    int[] narrow,
    long[] wide,
    int predicates,
    List<Special> specials,
    List<Relocation> relocations,
    NavigableMap<Integer, String> sharedNames,
    int staticShared,
    int entry,
    Map<Long, Callee> callees,
    int stackStart,
    int localBytes) {
  /** A special register and the register that holds its values. */
  record Special(String name, SpecialRegisters.Value values, int slot) {}

  /** A 64-bit register that holds the address of a variable of the module, plus an offset. */
  record Relocation(int slot, String variable, long offset) {}

  /** The same code for a module whose variables have these addresses. */
  Code at(Map<String, Long> addresses) {
    if (relocations.isEmpty()) {
      return this;
    }
    long[] start = wide.clone();
    for (Relocation relocation : relocations) {
      long address = Objects.requireNonNull(addresses.get(relocation.variable));
      Arrays.fill(
          start, relocation.slot, relocation.slot + Warp.LANES, address + relocation.offset);
    }
    return new Code(
        name,
        instructions,
        narrow,
        start,
        predicates,
        specials,
        relocations,
        sharedNames,
        staticShared,
        entry,
        callees,
        stackStart,
        localBytes);
  }

  /** Name and offset of a place in shared memory. */
  String sharedPlace(int offset) {
    Map.Entry<Integer, String> entry = sharedNames.floorEntry(offset);
    if (entry == null) {
      return "shared memory + " + offset;
    }
    return "shared " + entry.getValue() + " + " + (offset - entry.getKey());
  }
}
