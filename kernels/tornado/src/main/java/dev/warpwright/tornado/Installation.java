package dev.warpwright.tornado;

import dev.warpwright.kernels.Probe;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoRuntime;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/** What there is of TornadoVM in this JVM. Looked at once: a runtime that failed stays unusable. */
final class Installation {
  private static final Installation FOUND = look();

  private final Probe probe;
  private final List<TornadoDevice> devices;

  private Installation(Probe probe, List<TornadoDevice> devices) {
    this.probe = probe;
    this.devices = devices;
  }

  static Probe probe() {
    return FOUND.probe;
  }

  static TornadoDevice device(int ordinal) {
    return FOUND.devices.get(ordinal);
  }

  private static Installation none(String reason) {
    return new Installation(Probe.unavailable(List.of(reason)), List.of());
  }

  /** Anything may come out of a runtime that does not fit the JVM, errors of linkage included. */
  private static Installation look() {
    // The argfile sets it.
    if (System.getProperty("tornado.load.runtime.implementation") == null) {
      return none(TornadoProvider.NOT_STARTED);
    }
    String bailout = System.getProperty("tornado.recover.bailout", "True");
    if (!bailout.equalsIgnoreCase("false")) {
      return none(
          "tornado.recover.bailout is on: TornadoVM would run a kernel that it cannot compile as"
              + " plain Java, with wrong results; start the JVM with"
              + " -Dtornado.recover.bailout=False");
    }
    try {
      return devices(TornadoRuntimeProvider.getTornadoRuntime());
    } catch (Throwable t) {
      return none(reason(t));
    }
  }

  private static Installation devices(TornadoRuntime runtime) {
    List<String> names = new ArrayList<>();
    List<TornadoDevice> devices = new ArrayList<>();
    for (int b = 0; b < runtime.getNumBackends(); b++) {
      TornadoBackend backend = runtime.getBackend(b);
      for (int d = 0; d < backend.getNumDevices(); d++) {
        TornadoDevice device = backend.getDevice(d);
        names.add(
            String.format(
                Locale.ROOT,
                "%s %d:%d %s (%s)",
                backend.getBackendType(),
                b,
                d,
                device.getPhysicalDevice().getDeviceName(),
                device.getDeviceType()));
        devices.add(device);
      }
    }
    return names.isEmpty()
        ? none(
            "TornadoVM found no device: install a driver for one of its backends, such as OpenCL")
        : new Installation(Probe.available(names, SignalChaining.warnings(names)), devices);
  }

  /** The message at the bottom says what is wrong. */
  static String reason(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String what = cause.getClass().getSimpleName() + ": " + cause.getMessage();
    return thrown instanceof LinkageError
        ? "TornadoVM does not start ("
            + what
            + "): the SDK must be built for this JDK, "
            + Runtime.version().feature()
            + ", and have a driver for one of its backends"
        : "TornadoVM found no device (" + what + ")";
  }
}
