package dev.warpwright.kernels;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * A plan, a pool, prepared weights or a tensor was made, has changed its size or was closed, for
 * the flight recorder. Off unless a recording enables {@code dev.warpwright.MemoryHeld}.
 */
@Name("dev.warpwright.MemoryHeld")
@Label("Memory held")
@Category("Warpwright")
@Enabled(false)
@StackTrace(false)
final class MemoryHeldEvent extends Event {
  @Label("Holder")
  String holder = "";

  @Label("Bytes that the holder has taken or, if negative, given back")
  long change;

  @Label("Bytes held by all")
  @DataAmount
  long held;

  static void record(String holder, long change, long held) {
    MemoryHeldEvent event = new MemoryHeldEvent();
    event.holder = holder;
    event.change = change;
    event.held = held;
    event.commit();
  }
}
