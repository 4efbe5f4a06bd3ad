/** Refuses class files that a CAP converter would refuse. */
package svgate.check;
