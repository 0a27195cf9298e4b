package dev.warpwright.cuda.runtime;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * A module that was loaded, for the flight recorder. Off unless a recording enables {@code
 * dev.warpwright.CudaModuleLoad}.
 */
@Name("dev.warpwright.CudaModuleLoad")
@Label("CUDA module load")
@Category("Warpwright")
@Enabled(false)
@StackTrace(false)
final class CudaModuleLoadEvent extends Event {
  @Label("Module")
  String module = "";

  @Label("Device")
  int device;

  @Label("Bytes of the image")
  @DataAmount
  long bytes;
}
