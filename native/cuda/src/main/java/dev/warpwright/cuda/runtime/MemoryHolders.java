package dev.warpwright.cuda.runtime;

import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** Who holds how much of a device's memory. */
final class MemoryHolders {
  private static final int NAMED = 3;

  private final Map<String, Long> bytes = new HashMap<>();

  synchronized void add(String holder, long size) {
    if (bytes.merge(holder, size, Long::sum) == 0) {
      bytes.remove(holder);
    }
  }

  /** The largest holders with their bytes. */
  synchronized String summary() {
    return bytes.isEmpty()
        ? "others than Warpwright"
        : bytes.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .limit(NAMED)
            .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
            .collect(Collectors.joining(", "));
  }
}
