package dev.warpwright.tornado;

import dev.warpwright.kernels.Probe;

/** Prints what the provider finds in its JVM; started by {@link InstallationTest}. */
public final class ProbeMain {
  private ProbeMain() {}

  /** Probes twice: a later look at a runtime that failed must not throw either. */
  public static void main(String[] args) {
    Probe first = new TornadoProvider().probe();
    Probe second = new TornadoProvider().probe();
    System.out.println("PROBE " + first.devices() + " " + first.reasons());
    System.out.println(first.equals(second) ? "SAME" : "OTHER " + second);
  }
}
