package dev.warpwright.softgpu.driver;

import java.util.stream.Stream;

/** Where in the caller's Java code a driver call was made, for reports. */
final class CallSite {
  private static final StackWalker WALKER = StackWalker.getInstance();

  private CallSite() {}

  /** The name of the call and the caller's line, for example {@code cuMemAlloc at Test.java:12}. */
  static String label(String call) {
    return WALKER.walk(CallSite::caller) + " by " + call;
  }

  /** The frames between here and JCuda are ours and the upcall's; the caller is above JCuda. */
  private static String caller(Stream<StackWalker.StackFrame> frames) {
    return frames
        .dropWhile(frame -> !isJcuda(frame))
        .dropWhile(CallSite::isJcuda)
        .findFirst()
        .map(frame -> frame.getFileName() + ":" + frame.getLineNumber())
        .orElse("unknown");
  }

  private static boolean isJcuda(StackWalker.StackFrame frame) {
    return frame.getClassName().startsWith("jcuda.");
  }
}
