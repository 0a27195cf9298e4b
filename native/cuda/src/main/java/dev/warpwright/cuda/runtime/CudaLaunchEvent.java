package dev.warpwright.cuda.runtime;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * A kernel or a graph that was enqueued, for the flight recorder; how long that took the calling
 * thread, not the device. Off unless a recording enables {@code dev.warpwright.CudaLaunch}.
 */
@Name("dev.warpwright.CudaLaunch")
@Label("CUDA launch")
@Category("Warpwright")
@Enabled(false)
@StackTrace(false)
final class CudaLaunchEvent extends Event {
  @Label("Kernel")
  String kernel = "";

  @Label("Device")
  int device;

  @Label("Blocks")
  long blocks;

  @Label("Threads of a block")
  int threads;

  @Label("Bytes of dynamic shared memory")
  @DataAmount
  int sharedBytes;
}
