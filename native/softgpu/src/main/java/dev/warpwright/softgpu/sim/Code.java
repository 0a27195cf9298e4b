package dev.warpwright.softgpu.sim;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A decoded kernel. A register is 32 consecutive elements, one a lane. */
@SuppressWarnings("ArrayRecordComponent")
record Code(
    String name,
    Instr[] instructions,
    int[] narrow,
    long[] wide,
    int predicates,
    List<Special> specials,
    TreeMap<Integer, String> sharedNames,
    int staticShared,
    int localBytes) {
  /** A special register and the register that holds it. */
  record Special(String name, int slot) {}

  /** Name and offset of a place in shared memory. */
  String sharedPlace(int offset) {
    Map.Entry<Integer, String> entry = sharedNames.floorEntry(offset);
    if (entry == null) {
      return "shared memory + " + offset;
    }
    return "shared " + entry.getValue() + " + " + (offset - entry.getKey());
  }
}
