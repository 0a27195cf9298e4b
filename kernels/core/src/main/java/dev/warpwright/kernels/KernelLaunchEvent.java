package dev.warpwright.kernels;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * One run of a plan, for the flight recorder. Off unless a recording enables {@code
 * dev.warpwright.KernelLaunch}.
 */
@Name("dev.warpwright.KernelLaunch")
@Label("Kernel launch")
@Category("Warpwright")
@Enabled(false)
@StackTrace(false)
final class KernelLaunchEvent extends Event {
  @Label("Kernel")
  String kernel = "";

  @Label("Device")
  String device = "";

  @Label("Bytes of the operands")
  @DataAmount
  long bytes;

  @Label("Time")
  @Timespan(Timespan.NANOSECONDS)
  long elapsed;

  static void record(String kernel, String device, long bytes, long elapsedNanos) {
    KernelLaunchEvent event = new KernelLaunchEvent();
    event.kernel = kernel;
    event.device = device;
    event.bytes = bytes;
    event.elapsed = elapsedNanos;
    event.commit();
  }
}
