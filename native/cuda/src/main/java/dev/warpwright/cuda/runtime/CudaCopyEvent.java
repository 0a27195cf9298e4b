package dev.warpwright.cuda.runtime;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * A copy that was made or enqueued, for the flight recorder; how long that took the calling thread.
 * Off unless a recording enables {@code dev.warpwright.CudaCopy}.
 */
@Name("dev.warpwright.CudaCopy")
@Label("CUDA copy")
@Category("Warpwright")
@Enabled(false)
@StackTrace(false)
final class CudaCopyEvent extends Event {
  @Label("Call")
  String call = "";

  @Label("Device")
  int device;

  @Label("Bytes")
  @DataAmount
  long bytes;
}
