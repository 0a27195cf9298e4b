package dev.warpwright.softgpu.sim;

import java.io.Serial;

/** A PTX text that the simulator refuses. */
public final class PtxException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  private final String module;
  private final int line;

  PtxException(String module, int line, String message) {
    super(module + ":" + line + ": " + message);
    this.module = module;
    this.line = line;
  }

  /** Name of the module. */
  public String module() {
    return module;
  }

  /** Line in the PTX text, counted from 1. */
  public int line() {
    return line;
  }
}
